// The messages of a request, each to be edited, moved, removed, or seen as JSON.

import { ArrowDown, ArrowUp, Braces, ChevronDown, ChevronRight, Plus, Trash2, X } from "lucide-react";
import { useState } from "react";
import { count } from "../format";
import { Media } from "../text/Media";
import {
  at,
  type Block,
  type Dialect,
  emptySystem,
  type Fields,
  listOf,
  missingSystem,
  type Path,
  put,
  ROLES,
  type Turn,
  turnsOf,
  withMoved,
  withNewTurn,
} from "./body";
import { JsonField, rowsOf } from "./JsonField";

interface Props {
  dialect: Dialect;
  body: Fields;
  onChange: (body: Fields) => void;
  onWrong: (place: string, isWrong: boolean) => void;
}

/** Of a long conversation the first and the last messages are open. */
const FIRST_OPEN = 1;
const LAST_OPEN = 4;
const SHOWN = 24;
const LONG = 2_000;

export function Messages({ dialect, body, onChange, onWrong }: Props) {
  const turns = turnsOf(dialect, body);
  const [isWhole, setWhole] = useState(false);
  const hidden = isWhole ? 0 : Math.max(0, turns.length - SHOWN);
  const count_ = listOf(dialect, body).length;
  const system = missingSystem(dialect, body);
  return (
    <>
      <ol className="try-messages" aria-label="Messages">
        {turns.map((turn, index) => {
          if (index >= FIRST_OPEN && index < FIRST_OPEN + hidden) return null;
          const isMoved = turn.path.length === 2;
          return (
            <TurnEditor
              key={turn.path.join(".")}
              turn={turn}
              dialect={dialect}
              body={body}
              number={index + 1}
              startsOpen={(index < FIRST_OPEN && sizeOf(turn) < LONG) || index >= turns.length - LAST_OPEN}
              isFirst={!isMoved || turn.path[1] === 0}
              isLast={!isMoved || turn.path[1] === count_ - 1}
              onChange={onChange}
              onWrong={onWrong}
            />
          );
        })}
      </ol>
      {hidden > 0 && (
        <button type="button" className="button" onClick={() => setWhole(true)}>
          Show {count(hidden)} earlier messages
        </button>
      )}
      <div className="try-add">
        {system && (
          <button
            type="button"
            className="button quiet"
            onClick={() => onChange({ ...body, [system]: emptySystem(dialect) })}
          >
            <Plus aria-hidden /> System
          </button>
        )}
        <button
          type="button"
          className="button quiet"
          onClick={() => onChange(withNewTurn(dialect, body, nextRole(dialect, turns)))}
        >
          <Plus aria-hidden /> Message
        </button>
      </div>
    </>
  );
}

function nextRole(dialect: Dialect, turns: Turn[]): string {
  const replying = dialect === "gemini" ? "model" : "assistant";
  return turns.at(-1)?.role === "user" ? replying : "user";
}

const sizeOf = (turn: Turn) =>
  turn.blocks.reduce((sum, block) => sum + (block.kind === "text" ? block.text.length : 0), 0);

interface TurnProps extends Props {
  turn: Turn;
  number: number;
  startsOpen: boolean;
  isFirst: boolean;
  isLast: boolean;
}

function TurnEditor(props: TurnProps) {
  const { turn, dialect, body, number, onChange } = props;
  const [isOpen, setOpen] = useState(props.startsOpen);
  const [asJson, setAsJson] = useState(false);
  const roles = ROLES[dialect].includes(turn.role) ? ROLES[dialect] : [turn.role, ...ROLES[dialect]];
  const move = (by: number) => onChange(withMoved(body, turn.path, by));
  const what = `message ${number}`;
  return (
    <li className={`try-message role-${turn.role}`}>
      <div className="try-message-head">
        <button
          type="button"
          className="button quiet square small"
          aria-expanded={isOpen}
          aria-label={`${isOpen ? "Fold" : "Open"} ${what}`}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <ChevronDown aria-hidden /> : <ChevronRight aria-hidden />}
        </button>
        {turn.rolePath ? (
          <select
            className="try-role"
            aria-label={`Role of ${what}`}
            value={turn.role}
            onChange={(event) => onChange(put(body, turn.rolePath ?? [], event.target.value))}
          >
            {roles.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
        ) : (
          <span className="try-role">{turn.role}</span>
        )}
        {!isOpen && (
          <span className="dim clip" dir="auto">
            {previewOf(turn)}
          </span>
        )}
        <span className="try-actions">
          <IconButton label={`Move ${what} up`} disabled={props.isFirst} onClick={() => move(-1)} icon={ArrowUp} />
          <IconButton label={`Move ${what} down`} disabled={props.isLast} onClick={() => move(1)} icon={ArrowDown} />
          <IconButton
            label={`Edit ${what} as JSON`}
            isPressed={asJson}
            onClick={() => {
              setAsJson(!asJson);
              setOpen(true);
            }}
            icon={Braces}
          />
          <IconButton
            label={`Remove ${what}`}
            onClick={() => onChange(put(body, turn.path, undefined))}
            icon={Trash2}
          />
        </span>
      </div>
      {isOpen &&
        (asJson ? (
          <JsonField
            label={`JSON of ${what}`}
            value={at(body, turn.path) ?? null}
            onChange={(value) => onChange(put(body, turn.path, value))}
            onWrong={(isWrong) => props.onWrong(turn.path.join("."), isWrong)}
          />
        ) : (
          <>
            {turn.blocks.length === 0 && <p className="dim">(empty)</p>}
            {turn.blocks.map((block) => (
              <BlockEditor key={block.path.join(".")} block={block} what={what} {...props} />
            ))}
          </>
        ))}
    </li>
  );
}

function previewOf(turn: Turn): string {
  for (const block of turn.blocks) if (block.kind === "text") return block.text.slice(0, 160);
  return turn.blocks.map(({ kind }) => kind).join(", ");
}

function BlockEditor({ block, what, body, onChange, onWrong }: TurnProps & { block: Block; what: string }) {
  const set = (path: Path, value: Parameters<typeof put>[2]) => onChange(put(body, path, value));
  switch (block.kind) {
    case "text":
      return (
        <textarea
          className="field try-text"
          aria-label={`${block.word} of ${what}`}
          dir="auto"
          rows={rowsOf(block.text)}
          value={block.text}
          onChange={(event) => set(block.path, event.target.value)}
        />
      );
    case "media":
      return (
        <div className="try-media">
          <Media source={block.source} />
          <IconButton label={`Remove media of ${what}`} onClick={() => set(block.path, undefined)} icon={X} />
        </div>
      );
    case "call":
      return (
        <div className="try-call">
          <div className="try-call-head">
            <input
              className="field mono"
              aria-label={`Tool that ${what} calls`}
              value={String(at(body, block.name) ?? "")}
              onChange={(event) => set(block.name, event.target.value)}
            />
            <IconButton label={`Remove the call in ${what}`} onClick={() => set(block.path, undefined)} icon={X} />
          </div>
          {block.isText ? (
            <textarea
              className="field mono try-text"
              aria-label={`Arguments in ${what}`}
              spellCheck={false}
              rows={rowsOf(String(at(body, block.arguments) ?? ""))}
              value={String(at(body, block.arguments) ?? "")}
              onChange={(event) => set(block.arguments, event.target.value)}
            />
          ) : (
            <JsonField
              label={`Arguments in ${what}`}
              value={at(body, block.arguments) ?? {}}
              onChange={(value) => set(block.arguments, value)}
              onWrong={(isWrong) => onWrong(block.arguments.join("."), isWrong)}
            />
          )}
        </div>
      );
    case "json":
      return (
        <details className="try-json">
          <summary className="dim">{block.word}</summary>
          <JsonField
            label={`${block.word} of ${what}`}
            value={at(body, block.path) ?? null}
            onChange={(value) => set(block.path, value)}
            onWrong={(isWrong) => onWrong(block.path.join("."), isWrong)}
          />
        </details>
      );
  }
}

interface IconButtonProps {
  label: string;
  onClick: () => void;
  icon: typeof X;
  disabled?: boolean;
  isPressed?: boolean;
}

export function IconButton({ label, onClick, icon: Icon, disabled = false, isPressed }: IconButtonProps) {
  return (
    <button
      type="button"
      className="button quiet square small"
      aria-label={label}
      title={label}
      aria-pressed={isPressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon aria-hidden />
    </button>
  );
}

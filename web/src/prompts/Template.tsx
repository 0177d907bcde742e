// A template with its variables marked, and the difference of two, word by word.

import { diffLines, diffWordsWithSpace } from "diff";
import { type ReactNode, useMemo } from "react";
import { type Fields, VARIABLE } from "../again/body";
import type { Json } from "../api/types";
import { Cut } from "../text/Cut";

const TOO_LONG = 30_000;

interface Turn {
  role: string | null;
  text: string;
}

/** A text, or the messages of a chat; content that is no text is written as JSON. */
function turnsOf(template: Json | undefined): Turn[] {
  if (typeof template === "string") return [{ role: null, text: template }];
  if (!Array.isArray(template)) return [];
  return template.map((message) => {
    const { role, content, ...rest } = message as Fields;
    const more = Object.keys(rest).length ? `\n${JSON.stringify(rest, null, 2)}` : "";
    return { role: String(role), text: textOf(content ?? null) + more };
  });
}

function textOf(content: Json): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === null ? "" : JSON.stringify(content, null, 2);
  return content
    .map((part) => {
      const { type, text } = part as Fields;
      return type === "text" && typeof text === "string" ? text : JSON.stringify(part, null, 2);
    })
    .join("\n");
}

export function Template({ template }: { template: Json | undefined }) {
  return (
    <Turns turns={turnsOf(template)}>
      {({ text }) => <Cut text={text}>{(shown) => <>{withVariables(shown)}</>}</Cut>}
    </Turns>
  );
}

function Turns<T extends { role: string | null }>({
  turns,
  children,
}: {
  turns: T[];
  children: (turn: T) => ReactNode;
}) {
  return (
    <ol className="template">
      {turns.map((turn, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages of one template
        <li key={index} className={`try-message role-${turn.role ?? "none"}`}>
          {turn.role && <h3 className="try-role">{turn.role}</h3>}
          <div className="plain-text" dir="auto">
            {children(turn)}
          </div>
        </li>
      ))}
    </ol>
  );
}

function withVariables(text: string): ReactNode[] {
  const pieces: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(VARIABLE)) {
    pieces.push(text.slice(from, match.index));
    pieces.push(
      <span key={match.index} className="variable">
        {match[0]}
      </span>,
    );
    from = match.index + match[0].length;
  }
  return [...pieces, text.slice(from)];
}

interface Piece {
  value: string;
  added: boolean;
  removed: boolean;
}

export function Difference({ before, after }: { before: Json | undefined; after: Json | undefined }) {
  const rows = useMemo(() => {
    const [old, now] = [turnsOf(before), turnsOf(after)];
    return Array.from({ length: Math.max(old.length, now.length) }, (_, index) => ({
      role: roles(old[index], now[index]),
      pieces: pieces(old[index]?.text ?? "", now[index]?.text ?? ""),
    }));
  }, [before, after]);
  const isSame = rows.every(({ pieces }) => pieces.every(({ added, removed }) => !added && !removed));
  return (
    <>
      {isSame && <p className="dim page-note">The texts are the same.</p>}
      <Turns turns={rows}>
        {({ pieces }) => (
          <div className="words">
            {pieces.map(({ value, added, removed }, index) => {
              const Tag = removed ? "del" : "ins";
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a text
              return added || removed ? <Tag key={index}>{value}</Tag> : value;
            })}
          </div>
        )}
      </Turns>
    </>
  );
}

const roles = (old: Turn | undefined, now: Turn | undefined) =>
  old && now && old.role !== now.role ? `${old.role ?? "text"} → ${now.role ?? "text"}` : ((now ?? old)?.role ?? null);

function pieces(before: string, after: string): Piece[] {
  const options = { timeout: 500 };
  const found =
    before.length + after.length > TOO_LONG
      ? diffLines(before, after, options)
      : diffWordsWithSpace(before, after, options);
  const kept = found?.reduce((sum, piece) => sum + (piece.added || piece.removed ? 0 : piece.value.length), 0) ?? 0;
  // texts with little in common are easier to read one after the other
  if (found && kept * 3 > Math.min(before.length, after.length)) return found;
  return [
    { value: before, added: false, removed: true },
    { value: after, added: true, removed: false },
  ].filter(({ value }) => value);
}

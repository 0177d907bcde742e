// A JSON value as a tree with nodes that can be opened.

import { ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import type { Json } from "../api/types";
import { CopyButton } from "../ui/Copy";
import { attachmentIn } from "./attachments";
import { useLimits } from "./displayLimits";
import { isContainer } from "./exact";
import { Media } from "./Media";

const SHOWN_ENTRIES = 100;
const MORE_ENTRIES = 200;
const SHOWN_CHARACTERS = 600;
const MORE_CHARACTERS = 50_000;

export function JsonTree({ value, label }: { value: Json; label: string }) {
  return (
    <div className="json">
      <CopyButton className="copy" text={() => JSON.stringify(value, null, 2)} label={`Copy ${label}`} />
      <ul className="json-level" aria-label={label}>
        <Entry value={value} isRoot startsOpen />
      </ul>
    </div>
  );
}

type Container = Json[] | { [key: string]: Json };
const sizeOf = (value: Json) => (isContainer(value) ? Object.keys(value).length : 0);

/** Number of values that can be open from the start without filling the screen. */
function openOf(values: Json[], limit: number): number {
  let left = limit - Math.min(values.length, SHOWN_ENTRIES);
  const end = values.findIndex((value) => {
    left -= sizeOf(value);
    return left < 0;
  });
  return end < 0 ? values.length : end;
}

function Entry({
  name,
  value,
  isRoot,
  startsOpen,
}: {
  name?: string;
  value: Json;
  isRoot?: boolean;
  startsOpen?: boolean;
}) {
  if (isContainer(value))
    return (
      <Branch
        {...(name !== undefined && { name })}
        value={value}
        isRoot={isRoot ?? false}
        startsOpen={startsOpen ?? false}
      />
    );
  return (
    <li className="json-leaf">
      {name !== undefined && <span className="json-key">{name}: </span>}
      <Scalar value={value} />
    </li>
  );
}

interface BranchProps {
  name?: string;
  value: Container;
  isRoot: boolean;
  startsOpen: boolean;
}

function Branch({ name, value, isRoot, startsOpen }: BranchProps) {
  const entries: [string, Json][] = Array.isArray(value)
    ? value.map((item, index) => [String(index), item])
    : Object.entries(value);
  const [isOpen, setOpen] = useState(startsOpen);
  const { entries: limit } = useLimits();
  const [shown, setShown] = useState(Math.min(SHOWN_ENTRIES, limit));
  const open = useMemo(() => (isRoot ? openOf(Object.values(value), limit) : 0), [isRoot, value, limit]);
  const [left, right] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length)
    return (
      <li className="json-leaf">
        {name !== undefined && <span className="json-key">{name}: </span>}
        <span className="json-mark">
          {left}
          {right}
        </span>
      </li>
    );
  return (
    <li>
      <button type="button" className="json-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <ChevronRight aria-hidden className={isOpen ? "open" : ""} />
        {name !== undefined && <span className="json-key">{name}: </span>}
        <span className="json-mark">
          {isOpen ? left : `${left} ${summary(entries, Array.isArray(value))} ${right}`}
        </span>
      </button>
      {isOpen && (
        <>
          <ul className="json-level">
            {entries.slice(0, shown).map(([key, item], index) => (
              <Entry key={key} name={key} value={item} startsOpen={index < open} />
            ))}
            {entries.length > shown && (
              <li>
                <button type="button" className="link-button" onClick={() => setShown(shown + MORE_ENTRIES)}>
                  {entries.length - shown} more
                </button>
              </li>
            )}
          </ul>
          <span className="json-mark json-close">{right}</span>
        </>
      )}
    </li>
  );
}

function summary(entries: [string, Json][], isList: boolean): string {
  if (isList) return `${entries.length} ${entries.length === 1 ? "item" : "items"}`;
  const keys = entries.slice(0, 4).map(([key]) => key);
  return keys.join(", ") + (entries.length > keys.length ? ", …" : "");
}

function Scalar({ value }: { value: Exclude<Json, Container> }) {
  if (typeof value === "string") return <Text text={value} />;
  const kind = value === null ? "null" : typeof value === "boolean" ? "boolean" : "number";
  return <span className={`json-${kind}`}>{String(value)}</span>;
}

function Text({ text }: { text: string }) {
  const [limit, setLimit] = useState(SHOWN_CHARACTERS);
  const attachment = attachmentIn(text);
  if (attachment) return <Media source={attachment} />;
  const shown = text.slice(0, limit);
  return (
    <span className="json-string">
      “{shown}
      {shown.length < text.length && "…"}”
      {shown.length < text.length && (
        <button type="button" className="link-button" onClick={() => setLimit(limit + MORE_CHARACTERS)}>
          {(text.length - shown.length).toLocaleString("en-US")} more characters
        </button>
      )}
    </span>
  );
}

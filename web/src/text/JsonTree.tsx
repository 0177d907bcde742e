// A JSON value as a tree that opens where the reader wants.

import { ChevronRight } from "lucide-react";
import { useState } from "react";
import type { Json } from "../api/types";
import { CopyButton } from "../ui/Copy";
import { attachmentIn } from "./attachments";
import { Media } from "./Media";

const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 40;
const SHOWN_ENTRIES = 100;
const SHOWN_CHARACTERS = 600;

export function JsonTree({ value, label }: { value: Json; label: string }) {
  return (
    <div className="json">
      <CopyButton className="copy" text={() => JSON.stringify(value, null, 2)} label={`Copy ${label}`} />
      <ul className="json-level" aria-label={label}>
        <Entry value={value} depth={0} />
      </ul>
    </div>
  );
}

type Container = Json[] | { [key: string]: Json };
const isContainer = (value: Json): value is Container => typeof value === "object" && value !== null;

function Entry({ name, value, depth }: { name?: string; value: Json; depth: number }) {
  if (isContainer(value)) return <Branch {...(name !== undefined && { name })} value={value} depth={depth} />;
  return (
    <li className="json-leaf">
      {name !== undefined && <span className="json-key">{name}: </span>}
      <Scalar value={value} />
    </li>
  );
}

function Branch({ name, value, depth }: { name?: string; value: Container; depth: number }) {
  const entries: [string, Json][] = Array.isArray(value)
    ? value.map((item, index) => [String(index), item])
    : Object.entries(value);
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && (depth === 0 || entries.length <= OPEN_ENTRIES));
  const [shown, setShown] = useState(SHOWN_ENTRIES);
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
            {entries.slice(0, shown).map(([key, item]) => (
              <Entry key={key} name={key} value={item} depth={depth + 1} />
            ))}
            {entries.length > shown && (
              <li>
                <button type="button" className="link-button" onClick={() => setShown(shown + 1000)}>
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
  return <span className={`json-${value === null ? "null" : typeof value}`}>{String(value)}</span>;
}

function Text({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  const attachment = attachmentIn(text);
  if (attachment) return <Media source={attachment} />;
  const shown = isWhole || text.length <= SHOWN_CHARACTERS ? text : text.slice(0, SHOWN_CHARACTERS);
  return (
    <span className="json-string">
      “{shown}
      {shown.length < text.length && "…"}”
      {shown.length < text.length && (
        <button type="button" className="link-button" onClick={() => setWhole(true)}>
          {(text.length - shown.length).toLocaleString("en-US")} more characters
        </button>
      )}
    </span>
  );
}

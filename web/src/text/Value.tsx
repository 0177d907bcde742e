// Any value of a payload, shown as the reader chose.

import type { Json } from "../api/types";
import { attachmentIn } from "./attachments";
import { Code } from "./Code";
import { JsonTree } from "./JsonTree";
import { Markdown } from "./Markdown";
import { Media } from "./Media";
import { type Mode, useMode } from "./mode";

export function Value({ value, label }: { value: Json; label: string }) {
  return show(value, label, useMode());
}

function show(value: Json, label: string, mode: Mode) {
  if (mode === "raw") return <Code code={typeof value === "string" ? value : JSON.stringify(value, null, 2)} />;
  if (mode === "json") return <JsonTree value={value} label={label} />;
  if (typeof value === "string") return <TextValue text={value} label={label} />;
  if (mode === "markdown") return <Code code={JSON.stringify(value, null, 2)} language="json" />;
  if (value === null || typeof value !== "object") return <span className="mono">{String(value)}</span>;
  if (isFlat(value)) return <Fields value={value} />;
  return <JsonTree value={value} label={label} />;
}

/** A text: structured output as a tree, an attachment as what it is, the rest as Markdown. */
export function TextValue({ text, label }: { text: string; label: string }) {
  const mode = useMode();
  if (mode === "raw") return <div className="plain-text mono">{text}</div>;
  const attachment = attachmentIn(text);
  if (attachment) return <Media source={attachment} />;
  const structured = mode === "markdown" ? null : parsedStructure(text);
  if (!structured) return <Markdown text={text} />;
  return isFlat(structured) ? <Fields value={structured} /> : <JsonTree value={structured} label={label} />;
}

/** The object or list that a text is the JSON of. */
export function parsedStructure(text: string): Json[] | { [key: string]: Json } | null {
  if (!/^\s*[[{]/.test(text) || text.length > 1_000_000) return null;
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

type Record_ = { [key: string]: Json };

const isFlat = (value: Json[] | Record_): value is Record_ =>
  !Array.isArray(value) &&
  Object.keys(value).length > 0 &&
  Object.keys(value).length <= 8 &&
  Object.values(value).every((item) => item === null || typeof item !== "object");

function Fields({ value }: { value: Record_ }) {
  return (
    <dl className="fields">
      {Object.entries(value).map(([key, item]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>
            {typeof item === "string" ? (
              <TextValue text={item} label={key} />
            ) : (
              <span className="mono">{String(item)}</span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

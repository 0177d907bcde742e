// Any value of a payload, in the user's chosen form.

import { useMemo } from "react";
import type { Json } from "../api/types";
import { attachmentIn } from "./attachments";
import { Code } from "./Code";
import { Cut } from "./Cut";
import { hasDoubleKeys, isContainer, parseExact } from "./exact";
import { JsonTree } from "./JsonTree";
import { Markdown } from "./Markdown";
import { Media } from "./Media";
import { useMode } from "./mode";

export function Value({ value, label }: { value: Json; label: string }) {
  const mode = useMode();
  if (mode === "raw") return <Written value={value} />;
  if (mode === "json") return <JsonTree value={value} label={label} />;
  if (typeof value === "string") return <TextValue text={value} label={label} />;
  if (mode === "markdown") return <Written value={value} language="json" />;
  if (!isContainer(value)) return <span className="mono">{String(value)}</span>;
  if (isFlat(value)) return <Fields value={value} />;
  return <JsonTree value={value} label={label} />;
}

function Written({ value, language = "" }: { value: Json; language?: string }) {
  const code = useMemo(() => (typeof value === "string" ? value : JSON.stringify(value, null, 2)), [value]);
  return <Code code={code} language={language} />;
}

/** A text: structured output as a tree, an attachment as media, the rest as Markdown. */
export function TextValue({ text, label }: { text: string; label: string }) {
  const mode = useMode();
  const structured = useMemo(() => (mode === "pretty" || mode === "json" ? parsedStructure(text) : null), [text, mode]);
  if (mode === "raw")
    return (
      <Cut text={text}>
        {(shown) => (
          <div className="plain-text mono" dir="auto">
            {shown}
          </div>
        )}
      </Cut>
    );
  const attachment = attachmentIn(text);
  if (attachment) return <Media source={attachment} />;
  if (!structured) return <Cut text={text}>{(shown) => <Markdown text={shown} />}</Cut>;
  return isFlat(structured) ? <Fields value={structured} /> : <JsonTree value={structured} label={label} />;
}

/** The object or list that a text encodes as JSON; null if parsing would lose something. */
export function parsedStructure(text: string): Json[] | { [key: string]: Json } | null {
  if (!/^\s*[[{]/.test(text) || text.length > 1_000_000) return null;
  try {
    const value = parseExact(text);
    return isContainer(value) && !hasDoubleKeys(text, value) ? value : null;
  } catch {
    return null;
  }
}

type Record_ = { [key: string]: Json };

const isFlat = (value: Json[] | Record_): value is Record_ =>
  !Array.isArray(value) &&
  Object.keys(value).length > 0 &&
  Object.keys(value).length <= 8 &&
  !Object.values(value).some(isContainer);

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

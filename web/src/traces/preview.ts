// Inputs or outputs in one line.

import type { Json } from "../api/types";
import { isContainer } from "../text/exact";

const TELLING = [
  "question",
  "query",
  "input",
  "prompt",
  "text",
  "message",
  "content",
  "answer",
  "output",
  "result",
  "response",
];

export function preview(text: string | null): string {
  if (!text) return "";
  const said = /^\s*[[{"]/.test(text) ? gist(text) : text;
  // Markdown's marks are noise in one line
  const line = said
    .replace(/^#+\s+|\*\*|`/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function gist(text: string): string {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return text; // a preview may be cut in the middle
  }
  return said(value) ?? text;
}

function said(value: Json): string | null {
  if (typeof value === "string") return value;
  if (!isContainer(value)) return null;
  if (Array.isArray(value)) return value.length ? said(value[value.length - 1] ?? null) : null;
  const values = Object.values(value);
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  if (Array.isArray(value.messages)) return said(value.messages);
  for (const key of TELLING) if (typeof value[key] === "string" && value[key]) return value[key];
  return null;
}

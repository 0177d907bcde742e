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
    .replace(/^#+\s+|\*\*|`|^\s*\|?[\s:|-]*-{3,}[\s:|-]*$/gm, "")
    .replace(/^\s*\||\|\s*$/gm, "")
    .replace(/\*(?=\S)([^*\n]+)(?<=\S)\*/g, "$1")
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

/** What a message's parts say, else the tools that it calls. */
function partsOf(parts: Json[]): string | null {
  const texts = parts.map((part) => (isContainer(part) && !Array.isArray(part) ? partOf(part) : null));
  return texts.filter(Boolean).join(" ") || null;
}

function partOf(part: { [key: string]: Json }): string | null {
  if (part.type !== "tool_call") return typeof part.content === "string" ? part.content : null;
  const given = isContainer(part.arguments ?? null) ? JSON.stringify(part.arguments) : (part.arguments ?? "");
  return `→ ${part.name ?? "tool"}(${given})`;
}

function said(value: Json): string | null {
  if (typeof value === "string") return value;
  if (!isContainer(value)) return null;
  if (Array.isArray(value)) return value.length ? said(value[value.length - 1] ?? null) : null;
  if (Array.isArray(value.parts)) return partsOf(value.parts);
  const values = Object.values(value);
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  if (Array.isArray(value.messages)) return said(value.messages);
  for (const key of TELLING) if (typeof value[key] === "string" && value[key]) return value[key];
  return null;
}

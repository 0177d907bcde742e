// A recorded value in one line: of one text that, else its fields.

import type { Json } from "../api/types";
import { isContainer } from "../text/exact";

const LONGEST = 400;

export function gist(value: Json): string {
  const line = said(value).replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

function said(value: Json): string {
  if (typeof value === "string") return value;
  if (!isContainer(value) || Array.isArray(value)) return JSON.stringify(value);
  const fields = Object.entries(value);
  const [only] = fields;
  if (fields.length === 1 && only && typeof only[1] === "string") return only[1];
  if (Array.isArray(value.messages)) return lastSaid(value.messages) ?? JSON.stringify(value);
  return fields.map(([name, item]) => `${name}: ${typeof item === "string" ? item : JSON.stringify(item)}`).join(" · ");
}

function lastSaid(messages: Json[]): string | null {
  const last = messages[messages.length - 1];
  const content = isContainer(last) && !Array.isArray(last) ? last.content : null;
  return typeof content === "string" ? content : null;
}

// What a text in the search box asks for: a trace, a filter, or words.

import { quoted } from "./conditions";

export interface Ids {
  traceId: string | null;
  spanId: string | null;
}

const PARENT = /\b[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\b/i;
const ADDRESS = /\/traces\/([0-9a-f]{32})(?:\?\S*?\bspan=([0-9a-f]{16}))?/i;
const TRACE = /^(?:tr-)?([0-9a-f]{32})$/i;
const BEGINNING = /^(?:tr-)?([0-9a-f]{8,31})$/i;
const SPAN = /^[0-9a-f]{16}$/i;

/** The ids in a text that is nothing else: an id, a UUID, an address of this page, a traceparent header. */
export function idsIn(written: string): Ids | null {
  const text = written
    .trim()
    .replace(/^\w*(?:trace|span)\w*\W+(?=[0-9a-f])/i, "")
    .replace(/^["'`]|["'`,;]+$/g, "");
  const found =
    ADDRESS.exec(text) ??
    (PARENT.test(text) && !/\s/.test(text.replace(/^traceparent:\s*/i, "")) ? PARENT.exec(text) : null);
  if (found) return { traceId: low(found[1]), spanId: low(found[2]) };
  const trace = TRACE.exec(text.replace(/^(\w{8})-(\w{4})-(\w{4})-(\w{4})-(\w{12})$/, "$1$2$3$4$5"));
  if (trace) return { traceId: low(trace[1]), spanId: null };
  return SPAN.test(text) ? { traceId: null, spanId: text.toLowerCase() } : null;
}

const low = (id: string | undefined) => id?.toLowerCase() ?? null;

const NAME = "(?:[A-Za-z_][\\w.-]*(?:\\.`[^`]*`)?|`[^`]*`)";
/** A field and an operator at the beginning: what else is wrong with it is told. */
const CONDITION = new RegExp(
  `^(?:not\\s+|\\(\\s*)*${NAME}\\s*(?:[=<>]|!=|\\s(?:not\\s+)?(?:i?like|contains)\\s*['"]|\\s(?:not\\s+)?in\\s*\\(|\\sis\\s+(?:not\\s+)?null\\b|\\s(?:not\\s+)?between\\s+\\S+\\s+and\\b)`,
  "i",
);

/** Whether a text is meant as a filter; all others are words. */
export const isFilter = (written: string) => CONDITION.test(written.trim());

/** Whether a text is one word with a colon in it, as other tools write a field and a value. */
export const isPair = (written: string) => /^[\w.]+:(?!\/\/)\S+$/.test(written.trim());

/** The first digits of a trace's id, as pages and logs cut it; null for any other text. */
export const beginningIn = (written: string) => low(BEGINNING.exec(written.trim())?.[1]);

export const wordsFilter = (words: string) => `text CONTAINS ${quoted(words.trim())}`;

/** The text in the box as a filter. */
export function asFilter(written: string): string {
  const text = written.trim();
  return !text || isFilter(text) ? text : wordsFilter(text);
}

/** The words that a filter searches in what was said; null for none. */
export function searchedWords(parts: string[]): string | null {
  for (const part of parts) {
    const found = /^text\s+contains\s+'((?:[^']|'')+)'$/i.exec(part);
    if (found) return found[1]?.replaceAll("''", "'") ?? null;
  }
  return null;
}

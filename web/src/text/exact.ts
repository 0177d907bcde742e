// JSON that keeps numbers as they were written: JavaScript would change 1234567890123456789 and 10.0.

import type { Json } from "../api/types";

type Container = Json[] | { [key: string]: Json };

/** A number that JavaScript would write differently; shown and copied in its original form. */
export class ExactNumber {
  constructor(readonly source: string) {}

  toString(): string {
    return this.source;
  }

  toJSON(): unknown {
    return rawJson(this.source);
  }
}

// newer than the language level that TypeScript is set to
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;
const json = JSON as unknown as {
  parse: (text: string, reviver?: Reviver) => unknown;
  rawJSON?: (text: string) => unknown;
};

const rawJson = (source: string): unknown => (json.rawJSON ? json.rawJSON(source) : Number(source));

/** Numbers that may lose digits; texts without any, as most are, are parsed at full speed. */
const AT_RISK = /\d{16}|\.\d*0(?!\d)|\d[eE]|-0/;

export function parseExact(text: string): Json {
  if (!AT_RISK.test(text)) return json.parse(text) as Json;
  return json.parse(text, (_key, value, context) =>
    typeof value === "number" && context?.source !== undefined && String(value) !== context.source
      ? new ExactNumber(context.source)
      : value,
  ) as Json;
}

/** A list or an object with fields; an exact number is neither. */
export const isContainer = (value: Json | undefined): value is Container =>
  typeof value === "object" && value !== null && !(value instanceof ExactNumber);

/** The same value with JavaScript numbers, for arithmetic. */
export function withPlainNumbers<T>(value: T): T {
  if (value instanceof ExactNumber) return Number(value.source) as T;
  if (Array.isArray(value)) return value.map(withPlainNumbers) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPlainNumbers(item)])) as T;
}

/** Whether an object in a text has a field twice, of which parsing would keep one. */
export function hasDoubleKeys(text: string, value: Json): boolean {
  const written = text.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
  return written !== fieldsOf(value);
}

function fieldsOf(value: Json): number {
  if (!isContainer(value)) return 0;
  const below = Object.values(value).reduce<number>((sum, item) => sum + fieldsOf(item), 0);
  return below + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

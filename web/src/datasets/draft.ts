// A value while it is edited: the texts of an object's fields, a text, or JSON.

import type { Json } from "../api/types";
import { hasDoubleKeys, isContainer, parseExact } from "../text/exact";

export interface Field {
  id: number;
  name: string;
  text: string;
  /** Whether the text is JSON rather than the value itself. */
  isJson: boolean;
  isNew: boolean;
}

export type Draft = { as: "fields"; fields: Field[] } | { as: "text"; text: string } | { as: "json"; text: string };

export type Outcome = { value: Json } | { problem: string; field?: number };

const MOST_FIELDS = 20;

/** The easiest form in which a value can be edited without losing anything. */
export function draftOf(value: Json): Draft {
  if (typeof value === "string") return { as: "text", text: value };
  if (isContainer(value) && !Array.isArray(value)) {
    const fields = Object.entries(value).map(([name, item], id): Field => {
      const isJson = typeof item !== "string";
      return { id, name, text: isJson ? written(item) : item, isJson, isNew: false };
    });
    if (fields.length <= MOST_FIELDS) return { as: "fields", fields };
  }
  return jsonDraft(value);
}

export const jsonDraft = (value: Json): Draft => ({ as: "json", text: written(value) });

const written = (value: Json) => JSON.stringify(value, null, 2);

/** A field without a name yet; its value is a text. */
export function withField(fields: Field[]): Field[] {
  const id = fields.reduce((most, field) => Math.max(most, field.id + 1), 0);
  return [...fields, { id, name: "", text: "", isJson: false, isNew: true }];
}

/** The value that a draft stands for, or what is wrong with it. */
export function outcomeOf(draft: Draft): Outcome {
  if (draft.as === "text") return { value: draft.text };
  if (draft.as === "json") return parsed(draft.text);
  const value: { [key: string]: Json } = {};
  for (const field of draft.fields) {
    const name = field.name.trim();
    if (!name && !field.text) continue;
    if (!name) return { problem: "A field needs a name.", field: field.id };
    if (Object.hasOwn(value, name)) return { problem: `Two fields are called ${name}.`, field: field.id };
    const found = field.isJson ? parsed(field.text) : { value: field.text };
    if ("problem" in found) return { ...found, field: field.id };
    value[name] = found.value;
  }
  return { value };
}

function parsed(text: string): Outcome {
  if (!text.trim()) return { problem: 'Empty: a text is written as "…".' };
  try {
    const value = parseExact(text);
    return hasDoubleKeys(text, value) ? { problem: "A field is there twice." } : { value };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether two values are the same JSON. */
export const isSame = (one: Json, other: Json) => JSON.stringify(one) === JSON.stringify(other);

import { expect, test } from "vitest";
import { draftOf, outcomeOf, withField } from "./draft";
import { readLines } from "./rows";

test("an object is edited field by field, and comes back as it was", () => {
  const value = { question: "Where?", top: 3, tags: ["a"], none: null };
  const draft = draftOf(value);
  expect(draft.as).toBe("fields");
  expect(outcomeOf(draft)).toEqual({ value });
});

test("a text that looks like a number stays a text", () => {
  expect(outcomeOf(draftOf({ answer: "42" }))).toEqual({ value: { answer: "42" } });
  expect(outcomeOf(draftOf("null"))).toEqual({ value: "null" });
});

test("what is wrong is told at its field", () => {
  const draft = draftOf({ top: 3 });
  if (draft.as !== "fields") throw new Error();
  const fields = withField(draft.fields);
  expect(outcomeOf({ as: "fields", fields })).toEqual({ value: { top: 3 } });
  const named = fields.map((field) => (field.isNew ? { ...field, text: "x" } : field));
  expect(outcomeOf({ as: "fields", fields: named })).toEqual({ problem: "A field needs a name.", field: 1 });
  const twice = fields.map((field) => ({ ...field, name: "top" }));
  expect(outcomeOf({ as: "fields", fields: twice })).toMatchObject({ problem: "Two fields are called top.", field: 1 });
  const broken = fields.map((field) => (field.isNew ? field : { ...field, text: "[1," }));
  expect(outcomeOf({ as: "fields", fields: broken })).toMatchObject({ field: 0 });
  expect(outcomeOf({ as: "json", text: '{"a": 1, "a": 2}' })).toMatchObject({ problem: "A field is there twice." });
  expect(outcomeOf({ as: "json", text: " " })).toHaveProperty("problem");
});

test("JSON lines are read with their line numbers, without what a row is given anew", () => {
  const text = '{"inputs": {"q": 1}, "id": "r-1", "created_time": 5}\n\n{"inputs": "x", "tags": {"a": "b"}}\n';
  expect(readLines(text).map(({ line, row }) => [line, row])).toEqual([
    [1, { inputs: { q: 1 } }],
    [3, { inputs: "x", tags: { a: "b" } }],
  ]);
  expect(() => readLines('{"inputs": 1}\n{"inputs": ')).toThrow("Line 2 is not JSON");
  expect(() => readLines('{"question": 1}')).toThrow("Line 1 is no object with inputs");
});

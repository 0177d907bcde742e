import { expect, test } from "vitest";
import type { Assessment, ReviewScore } from "../api/types";
import { answerOf, givenBy, isComplete, nextOpen, scoreOf } from "./answers";

const correct: ReviewScore = { name: "correct", kind: "yes_no", question: "" };
const tone: ReviewScore = { name: "tone", kind: "rating", question: "" };
const kind: ReviewScore = { name: "kind", kind: "choice", question: "", choices: ["a", "b"] };
const note: ReviewScore = { name: "note", kind: "text", question: "" };
const all = [correct, tone, kind, note];

test("keys answer what they fit", () => {
  expect(answerOf(correct, "y")).toBe(true);
  expect(answerOf(correct, "n")).toBe(false);
  expect(answerOf(correct, "1")).toBe(null);
  expect(answerOf(tone, "5")).toBe(5);
  expect(answerOf(tone, "6")).toBe(null);
  expect(answerOf(kind, "2")).toBe("b");
  expect(answerOf(kind, "3")).toBe(null);
  expect(answerOf(note, "y")).toBe(null);
});

test("a key that the active score does not have goes to the first open one that has it", () => {
  expect(scoreOf(all, 0, {}, "4")).toBe(1);
  expect(scoreOf(all, 0, { tone: 1 }, "2")).toBe(2);
  expect(scoreOf(all, 1, { tone: 1 }, "2")).toBe(1);
  expect(scoreOf(all, 3, { correct: true }, "y")).toBe(null);
});

test("the next open score is a text only when nothing else is open", () => {
  expect(nextOpen(all, 0, { correct: true })).toBe(1);
  expect(nextOpen(all, 2, { correct: true, kind: "a" })).toBe(1);
  expect(nextOpen(all, 2, { correct: true, kind: "a", tone: 2 })).toBe(3);
  expect(nextOpen([correct], 0, { correct: false })).toBe(null);
});

test("texts may be left out unless nothing else is asked", () => {
  expect(isComplete(all, { correct: false, tone: 1, kind: "a" })).toBe(true);
  expect(isComplete(all, { correct: false, note: "x" })).toBe(false);
  expect(isComplete([note], {})).toBe(false);
});

test("the newest feedback of a person counts", () => {
  const one = { name: "correct", type: "feedback", span_id: null, source: { type: "HUMAN", id: "ann" } };
  const given = [
    { ...one, id: "1", value: true, time_ns: 1 },
    { ...one, id: "2", value: false, time_ns: 2 },
    { ...one, id: "3", value: true, time_ns: 3, source: { type: "HUMAN", id: "ben" } },
    { ...one, id: "4", value: true, time_ns: 4, source: { type: "LLM_JUDGE", id: "ann" } },
  ] as unknown as Assessment[];
  expect(givenBy(given, "ann", "correct")?.id).toBe("2");
  expect(givenBy(given, "ann", "tone")).toBe(null);
});

import { expect, test } from "vitest";
import { conjuncts } from "./conditions";
import { asFilter, beginningIn, idsIn, isFilter, searchedWords, wordsFilter } from "./written";

const TRACE = "4f2a1b3c4d5e6f708192a3b4c5d6e7f8";
const SPAN = "00f067aa0ba902b7";

test("ids are found in what is pasted", () => {
  const trace = { traceId: TRACE, spanId: null };
  for (const text of [TRACE, ` ${TRACE.toUpperCase()}\n`, `"${TRACE}",`, `trace_id: ${TRACE}`, `tr-${TRACE}`])
    expect(idsIn(text)).toEqual(trace);
  expect(idsIn("4f2a1b3c-4d5e-6f70-8192-a3b4c5d6e7f8")).toEqual(trace);
  expect(idsIn(`http://localhost:5000/traces/${TRACE}?tab=io`)).toEqual(trace);
  const both = { traceId: TRACE, spanId: SPAN };
  expect(idsIn(`http://localhost:5000/traces/${TRACE}?find=x&span=${SPAN}`)).toEqual(both);
  expect(idsIn(`00-${TRACE}-${SPAN}-01`)).toEqual(both);
  expect(idsIn(`traceparent: 00-${TRACE}-${SPAN}-01`)).toEqual(both);
  expect(idsIn(SPAN)).toEqual({ traceId: null, spanId: SPAN });
  for (const text of ["", "refund", `why ${TRACE} failed`, "0123456789"]) expect(idsIn(text)).toBeNull();
});

test("the first digits of an id are found", () => {
  expect(beginningIn(" tr-4F2A1B3C ")).toBe("4f2a1b3c");
  expect(beginningIn(TRACE.slice(1))).toBe(TRACE.slice(1));
  for (const text of ["4f2a1b3", TRACE, "deadbeef food", "refunded"]) expect(beginningIn(text)).toBeNull();
});

test("what is no filter is words", () => {
  for (const text of ["isn't in the system", "what is a state", "is it (really) in?", "not found", "if a = b", "x > "])
    expect([text, isFilter(text)]).toEqual([text, text === "x > "]);
  for (const text of [
    "state = 'ERROR'",
    "modle = 1",
    "(not tags.`odd key` != 'x')",
    "name IN ('a')",
    "session IS NOT NULL",
    "duration between 1s and 2s",
    "text contains 'x'",
    "name not like '%x'",
  ])
    expect([text, isFilter(text)]).toEqual([text, true]);
  expect(asFilter(" isn't in ")).toBe("text CONTAINS 'isn''t in'");
});

test("the words of a filter are found again", () => {
  const words = "isn't in the system AND more";
  expect(searchedWords(conjuncts(`state = 'OK' AND ${wordsFilter(words)}`))).toBe(words);
  expect(searchedWords(conjuncts("state = 'OK'"))).toBeNull();
});

import { expect, test } from "vitest";
import { asFilter, condition, conjuncts, hasCondition, toggleCondition } from "./conditions";

test("a filter falls apart at its outermost ANDs", () => {
  expect(conjuncts("state = 'OK' AND (name = 'a' AND cost > 1) and user = 'x AND y'")).toEqual([
    "state = 'OK'",
    "(name = 'a' AND cost > 1)",
    "user = 'x AND y'",
  ]);
  expect(conjuncts("duration BETWEEN 1s AND 5s AND state = 'OK'")).toEqual([
    "duration BETWEEN 1s AND 5s",
    "state = 'OK'",
  ]);
  expect(conjuncts("a = 1 OR b = 2 AND c = 3")).toEqual(["a = 1 OR b = 2 AND c = 3"]);
});

test("a condition is added once and taken out again", () => {
  const wanted = condition("user", "O'Brien");
  const once = toggleCondition("state = 'OK'", wanted);
  expect(once).toBe("state = 'OK' AND user = 'O''Brien'");
  expect(hasCondition(once, wanted)).toBe(true);
  expect(toggleCondition(once, wanted)).toBe("state = 'OK'");
  expect(toggleCondition("", wanted)).toBe(wanted);
});

test("an OR is put in parentheses before a condition is added", () => {
  const both = toggleCondition("a = 1 OR b = 2", "c = 3");
  expect(both).toBe("(a = 1 OR b = 2) AND c = 3");
  expect(toggleCondition(both, "c = 3")).toBe("(a = 1 OR b = 2)");
});

test("odd tag keys stand in backquotes", () => {
  expect(condition("tags.my key", "v")).toBe("tags.`my key` = 'v'");
});

test("bare words search in everything that was said", () => {
  expect(asFilter("refund policy")).toBe("text CONTAINS 'refund policy'");
  expect(asFilter("state = 'OK'")).toBe("state = 'OK'");
  expect(asFilter("user IS NULL")).toBe("user IS NULL");
});

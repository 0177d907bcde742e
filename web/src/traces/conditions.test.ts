import { expect, test } from "vitest";
import { condition, conjuncts, hasCondition, oneOf, toggleCondition } from "./conditions";

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

test("one of several values is a condition like others", () => {
  const wanted = oneOf("model", ["gpt-4o", "gpt-4o-2024-08-06"]);
  expect(wanted).toBe("model IN ('gpt-4o', 'gpt-4o-2024-08-06')");
  expect(hasCondition(toggleCondition("state = 'OK'", wanted), wanted)).toBe(true);
  expect(oneOf("model", ["o1"])).toBe("model = 'o1'");
});

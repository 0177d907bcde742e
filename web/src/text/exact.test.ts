import { expect, test } from "vitest";
import { ExactNumber, hasDoubleKeys, isContainer, parseExact, withPlainNumbers } from "./exact";

test("numbers that JavaScript cannot hold stay as they were written", () => {
  const text = '{"user_id":1234567890123456789,"price":10.0,"tiny":1e-07,"half":0.5,"n":7,"text":"10.0"}';
  const value = parseExact(text) as Record<string, unknown>;
  expect(Object.values(value).map(String)).toEqual(["1234567890123456789", "10.0", "1e-07", "0.5", "7", "10.0"]);
  expect(JSON.stringify(value)).toBe(text);
  expect(value.user_id).toBeInstanceOf(ExactNumber);
  expect(isContainer(value.user_id as never)).toBe(false);
});

test("numbers to reckon with are JavaScript's", () => {
  const value = parseExact('{"start_ns":1790000000000000001,"cost":{"total_cost":0.0},"list":[1.50]}');
  expect(withPlainNumbers(value)).toEqual({ start_ns: 1790000000000000000, cost: { total_cost: 0 }, list: [1.5] });
});

test("a field that is written twice is noticed", () => {
  const doubled = (text: string) => hasDoubleKeys(text, parseExact(text));
  expect(doubled('{"a": 1, "a": 2}')).toBe(true);
  expect(doubled('{"a": {"a": "x:\\"y\\":"}, "b": [{"a": 1}]}')).toBe(false);
});

import { expect, test } from "vitest";
import type { Message, Part } from "../api/types";
import { pairTools } from "./pairs";

const call = (id: string | undefined, name: string): Part => ({
  type: "tool_call",
  ...(id && { id }),
  name,
  arguments: {},
});
const result = (id: string, response: string): Part => ({ type: "tool_call_response", id, response });

test("a result stands beside the call with its id", () => {
  const [one, two] = [call("1", "a"), call("2", "a")];
  const answer: Message = { role: "tool", parts: [result("2", "of two")] };
  const pairs = pairTools([{ role: "assistant", parts: [one, two] }, answer]);
  expect(pairs.resultOf(one)).toBeNull();
  expect(pairs.resultOf(two)?.response).toBe("of two");
  expect(pairs.isBesideItsCall(answer)).toBe(true);
});

test("without ids, results go to the calls of that name in their order", () => {
  const [one, two] = [call(undefined, "weather"), call(undefined, "weather")];
  const answers = [result("weather", "first"), result("weather", "second")];
  const pairs = pairTools([
    { role: "assistant", parts: [one, two] },
    { role: "tool", parts: answers },
  ]);
  expect([pairs.resultOf(one)?.response, pairs.resultOf(two)?.response]).toEqual(["first", "second"]);
});

test("an id that is given again pairs with the next result that is not taken", () => {
  const [one, two] = [call("bash:0", "a"), call("bash:0", "a")];
  const pairs = pairTools([
    { role: "assistant", parts: [one] },
    { role: "tool", parts: [result("bash:0", "first")] },
    { role: "assistant", parts: [two] },
    { role: "tool", parts: [result("bash:0", "second")] },
  ]);
  expect([pairs.resultOf(one)?.response, pairs.resultOf(two)?.response]).toEqual(["first", "second"]);
});

test("a result whose call is not in sight stays a message", () => {
  const alone: Message = { role: "tool", parts: [result("gone", "x")] };
  expect(pairTools([alone]).isBesideItsCall(alone)).toBe(false);
});

import { expect, test } from "vitest";
import type { Message } from "../api/types";
import { alignMessages, chatOf } from "./messages";

const say = (role: string, content: string): Message => ({ role, parts: [{ type: "text", content }] });
const call = (id: string): Message[] => [
  { role: "assistant", parts: [{ type: "tool_call", id, name: "find", arguments: { n: 1 } }] },
  { role: "tool", parts: [{ type: "tool_call_response", id, response: "found" }] },
];

const shown = (a: Message[], b: Message[]) =>
  alignMessages(chatOf(a), chatOf(b)).map(({ a, b, isSame }) =>
    isSame ? "same" : [a, b].map((one) => one?.parts[0]?.content ?? "–").join(" | "),
  );

test("equal messages are paired wherever they are, also around one that only one side has", () => {
  const [hi, bye] = [say("user", "hi"), say("assistant", "bye")];
  expect(shown([hi, bye], [hi, say("user", "wait"), bye])).toEqual(["same", "– | wait", "same"]);
});

test("messages that differ are paired by role, in order", () => {
  const a = [say("user", "one"), say("assistant", "two")];
  expect(shown(a, [say("user", "uno"), say("assistant", "due")])).toEqual(["one | uno", "two | due"]);
  expect(shown(a, [say("assistant", "due")])).toEqual(["one | –", "two | due"]);
  expect(shown(a, [])).toEqual(["one | –", "two | –"]);
});

test("ids of tool calls make no difference, and results are part of their calls", () => {
  expect(shown(call("x"), call("y"))).toEqual(["same"]);
});

// Pairs of tool calls and their results.

import type { Message, Part } from "../api/types";

export interface Pairs {
  resultOf: (call: Part) => Part | null;
  /** Whether a result is shown beside its call. */
  isPaired: (part: Part) => boolean;
  isBesideItsCall: (message: Message) => boolean;
}

/** Results are shown beside their calls; a result without its call on screen stays a message of its own. */
export function pairTools(messages: Message[]): Pairs {
  const calls = new Map<Part, Part>();
  const waiting = new Map<string, Part[]>();
  for (const message of messages) {
    for (const part of message.parts) {
      if (part.type === "tool_call" || part.type === "server_tool_call") {
        for (const key of keysOf(part)) {
          const same = waiting.get(key);
          if (same) same.push(part);
          else waiting.set(key, [part]);
        }
      } else if (part.type === "tool_call_response" || part.type === "server_tool_call_response") {
        const call = (part.id ? waiting.get(part.id) : undefined)?.find((candidate) => !calls.has(candidate));
        if (call) calls.set(call, part);
      }
    }
  }
  const paired = new Set(calls.values());
  return {
    isPaired: (part) => paired.has(part),
    resultOf: (call) => calls.get(call) ?? null,
    isBesideItsCall: (message) => message.parts.length > 0 && message.parts.every((part) => paired.has(part)),
  };
}

// some providers have no ids and name the tool in the result
const keysOf = (call: Part) =>
  [call.id, call.name].filter((key): key is string => typeof key === "string" && key !== "");

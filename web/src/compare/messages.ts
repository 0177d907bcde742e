// Alignment of two conversations, message by message.

import { diffArrays } from "diff";
import type { Message, Part } from "../api/types";
import { type Pairs, pairTools } from "../chat/pairs";
import { pretty } from "./difference";

export interface Chat {
  messages: Message[];
  pairs: Pairs;
}

export interface MessagePair {
  a: Message | null;
  b: Message | null;
  isSame: boolean;
}

/** The messages of a conversation that are shown; results stand beside their calls. */
export function chatOf(messages: Message[]): Chat {
  const pairs = pairTools(messages);
  return { messages: messages.filter((message) => !pairs.isBesideItsCall(message)), pairs };
}

/** A message as text, without the ids by which calls find their results: they differ in every trace. */
export const textOf = ({ parts }: Message, pairs: Pairs) =>
  parts
    .filter((part) => !pairs.isPaired(part))
    .map((part) => partText(part, pairs))
    .join("\n\n");

function partText(part: Part, pairs: Pairs): string {
  if (part.type === "tool_call") {
    const result = pairs.resultOf(part);
    return `${part.name ?? "tool"}(${pretty(part.arguments)})${result ? `\n→ ${pretty(result.response)}` : ""}`;
  }
  if (part.type === "tool_call_response") return `→ ${pretty(part.response)}`;
  return typeof part.content === "string" ? part.content : pretty(part as never);
}

/** Equal messages are paired wherever they are; of those between them, messages of one role in order. */
export function alignMessages(a: Chat, b: Chat): MessagePair[] {
  const key = (message: Message, { pairs }: Chat) => `${message.role}\n${textOf(message, pairs)}`;
  const runs = diffArrays(
    a.messages.map((one) => key(one, a)),
    b.messages.map((one) => key(one, b)),
  );
  const rows: MessagePair[] = [];
  let [i, j] = [0, 0];
  let [left, right]: [Message[], Message[]] = [[], []];
  const flush = () => {
    rows.push(...byRole(left, right));
    [left, right] = [[], []];
  };
  for (const { added, removed, value } of runs) {
    if (removed) left.push(...a.messages.slice(i, i + value.length));
    else if (added) right.push(...b.messages.slice(j, j + value.length));
    else {
      flush();
      for (let at = 0; at < value.length; at++)
        rows.push({ a: a.messages[i + at] ?? null, b: b.messages[j + at] ?? null, isSame: true });
    }
    if (!added) i += value.length;
    if (!removed) j += value.length;
  }
  flush();
  return rows;
}

function byRole(a: Message[], b: Message[]): MessagePair[] {
  const rows: MessagePair[] = [];
  let j = 0;
  for (const message of a) {
    const at = b.findIndex((one, index) => index >= j && one.role === message.role);
    if (at >= 0) for (; j < at; j++) rows.push({ a: null, b: b[j] ?? null, isSame: false });
    rows.push({ a: message, b: at >= 0 ? (b[j++] ?? null) : null, isSame: false });
  }
  for (; j < b.length; j++) rows.push({ a: null, b: b[j] ?? null, isSame: false });
  return rows;
}

// One call of a model by the server, and the reply as it comes.

import { ApiError, eventsOf } from "../api/client";
import { queryClient } from "../api/queries";
import type { LightSpan, Message, Trace } from "../api/types";
import { parseExact } from "../text/exact";
import type { Dialect, Fields } from "./body";

export interface Run {
  state: "running" | "done" | "failed" | "stopped";
  messages: Message[];
  traceId: string | null;
  trace: Trace | null;
  span: LightSpan | null;
  problem: string | null;
}

export interface Asked {
  server: string;
  dialect: Dialect;
  body: Fields;
  trace_id?: string;
  span_id?: string;
  prompt?: string;
}

const NOTHING: Run = { state: "running", messages: [], traceId: null, trace: null, span: null, problem: null };

/** Makes the call, and tells of it until it is over. */
export async function run(asked: Asked, signal: AbortSignal, tell: (run: Run) => void): Promise<void> {
  let now = NOTHING;
  const say = (changes: Partial<Run>) => {
    now = { ...now, ...changes };
    tell(now);
  };
  say({});
  try {
    for await (const [name, data] of eventsOf("/try-again", { method: "POST", json: asked, signal })) {
      const told = parseExact(data) as unknown as Record<string, never>;
      if (name === "start") say({ traceId: told.trace_id ?? null });
      if (name === "reply") say({ messages: told.messages ?? [] });
      if (name === "more") say({ messages: grown(now.messages, told.text ?? "") });
      if (name === "failed") say({ problem: told.message ?? "" });
      if (name === "done") {
        const { trace, span, problem } = JSON.parse(data) as {
          trace: Trace | null;
          span: LightSpan | null;
          problem: string;
        };
        const failed =
          now.problem ?? problem ?? (span?.status === "ERROR" ? (span.message ?? "The call failed.") : null);
        say({ state: failed ? "failed" : "done", trace, span, problem: failed });
      }
    }
    if (now.state === "running") say({ state: "failed", problem: "The connection to the server broke." });
  } catch (error) {
    if (signal.aborted) say({ state: "stopped" });
    else say({ state: "failed", problem: error instanceof ApiError ? error.message : String(error) });
  } finally {
    if (asked.trace_id) void queryClient.invalidateQueries({ queryKey: ["tries", asked.trace_id] });
    void queryClient.invalidateQueries({ queryKey: ["traces"] });
  }
}

function grown(messages: Message[], text: string): Message[] {
  const last = messages.at(-1);
  const part = last?.parts.at(-1);
  if (!last || !part) return messages;
  const parts = [...last.parts.slice(0, -1), { ...part, content: String(part.content ?? "") + text }];
  return [...messages.slice(0, -1), { ...last, parts }];
}

// A part of a trace in the place of the whole: one step and what is below it.

import type { TraceAnswer } from "../api/types";

/** The step of a trace as if it were the trace; the whole trace where it has no such step. */
export function scoped(answer: TraceAnswer, spanId: string | null): TraceAnswer {
  const step = spanId && answer.spans.find((span) => span.span_id === spanId);
  if (!step) return answer;
  const within = new Set([step.span_id]);
  // parents may come after their children: again until no more are found
  for (let before = 0; before !== within.size; ) {
    before = within.size;
    for (const span of answer.spans) if (span.parent_id && within.has(span.parent_id)) within.add(span.span_id);
  }
  const spans = answer.spans.filter((span) => within.has(span.span_id));
  const trace = {
    ...answer.trace,
    name: step.name,
    duration_ns: step.duration_ns ?? null,
    usage: step.usage ?? null,
    cost: step.cost ?? null,
    span_count: spans.length,
    error_count: spans.filter((span) => span.status === "ERROR").length,
  };
  return { ...answer, trace, spans: spans.map((span) => (span === step ? { ...span, parent_id: null } : span)) };
}

import { expect, test } from "vitest";
import type { LightSpan, Trace, TraceAnswer } from "../api/types";
import { scoped } from "./scoped";

const span = (span_id: string, parent_id: string | null, status: LightSpan["status"] = "OK"): LightSpan => ({
  span_id,
  parent_id,
  status,
  name: span_id,
  type: "CHAIN",
  start_ns: 0,
  duration_ns: 5,
});

const answer: TraceAnswer = {
  trace: { name: "whole", duration_ns: 100 } as Trace,
  spans: [span("d", "c", "ERROR"), span("a", null), span("b", "a"), span("c", "b")],
  position: 0,
  seq: 0,
  resource: {},
};

test("a step stands for its trace, with what is below it", () => {
  const found = scoped(answer, "b");
  expect(found.spans.map(({ span_id, parent_id }) => [span_id, parent_id])).toEqual([
    ["d", "c"],
    ["b", null],
    ["c", "b"],
  ]);
  expect(found.trace).toMatchObject({ name: "b", duration_ns: 5, span_count: 3, error_count: 1, usage: null });
});

test("without a step that is there the trace is whole", () => {
  expect(scoped(answer, "x")).toBe(answer);
  expect(scoped(answer, null)).toBe(answer);
});

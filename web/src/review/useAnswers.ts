// Answers about one trace: shown at once, kept as feedback one after the other, and taken back.

import { useEffect, useRef, useState } from "react";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import type { Assessment, Json, ReviewScore, Trace, TraceAnswer } from "../api/types";
import { type Answers, givenBy } from "./answers";

type Saved = Map<string, Assessment | null>;

export function useAnswers(trace: Trace | null, scores: ReviewScore[], reviewer: string) {
  const [wanted, setWanted] = useState<Answers>({});
  const [problem, setProblem] = useState<unknown>(null);
  const saved = useRef<Saved>(new Map());
  const doing = useRef<Promise<void>>(Promise.resolve());
  const open = useRef(0);
  const id = trace?.trace_id ?? null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another trace, or reviewer, begins anew
  useEffect(() => {
    setWanted({});
    setProblem(null);
    saved.current = new Map();
  }, [id, reviewer]);
  const answers: Answers = {};
  for (const { name } of scores) {
    const value = name in wanted ? wanted[name] : trace && givenBy(trace.assessments, reviewer, name)?.value;
    if (value !== null && value !== undefined) answers[name] = value;
  }
  /** Keeps an answer, or takes it back with null; resolves once the server has it. */
  const give = (name: string, value: Json): Promise<void> => {
    if (!trace) return Promise.resolve();
    setWanted((before) => ({ ...before, [name]: value }));
    setProblem(null);
    const known = saved.current;
    open.current++;
    // one after the other: a second answer changes what the first one made
    doing.current = doing.current.then(async () => {
      const before = known.has(name) ? (known.get(name) ?? null) : givenBy(trace.assessments, reviewer, name);
      try {
        const after = await put(trace.trace_id, before, name, value, reviewer);
        known.set(name, after);
        patch(trace.trace_id, before, after);
      } catch (error) {
        if (known === saved.current) setProblem(error);
      }
      open.current--;
      // by now the trace itself says it, or it was refused
      if (!open.current && known === saved.current) setWanted({});
    });
    return doing.current;
  };
  return { answers, give, problem, settled: () => doing.current };
}

async function put(
  traceId: string,
  before: Assessment | null,
  name: string,
  value: Json,
  reviewer: string,
): Promise<Assessment | null> {
  const path = `/traces/${encodeURIComponent(traceId)}/assessments`;
  const own = before && `${path}/${encodeURIComponent(before.id)}`;
  if (value === null) {
    if (own) await request<void>(own, {}, { method: "DELETE" });
    return null;
  }
  if (own) return request<Assessment>(own, {}, { method: "PATCH", json: { value } });
  const source = { type: "HUMAN", id: reviewer };
  return request<Assessment>(path, {}, { method: "POST", json: { name, value, source } });
}

/** Puts what the server keeps by now into the trace on screen. */
function patch(traceId: string, before: Assessment | null, after: Assessment | null): void {
  queryClient.setQueryData<TraceAnswer>(["trace", traceId], (data) => {
    if (!data) return data;
    const others = data.trace.assessments.filter((one) => one.id !== before?.id && one.id !== after?.id);
    return { ...data, trace: { ...data.trace, assessments: [...others, ...(after ? [after] : [])] } };
  });
}

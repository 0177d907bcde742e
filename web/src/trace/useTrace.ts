// A trace with its spans; of a running trace only new and changed spans are fetched.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { queryClient, traceAnswer, wholeTrace } from "../api/queries";
import type { LightSpan, TraceAnswer } from "../api/types";

export function useTrace(traceId: string) {
  const { queryKey: key } = wholeTrace(traceId);
  const [gone, setGone] = useState<string | null>(null);
  const query = useQuery(wholeTrace(traceId));
  useChanges((seq) => {
    const known = queryClient.getQueryData<TraceAnswer>(key);
    if (!known || seq <= known.seq) return;
    void traceAnswer(traceId, known.position)
      .then((update) =>
        queryClient.setQueryData<TraceAnswer>(key, (latest) => (latest ? grown(latest, update) : update)),
      )
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) setGone(traceId);
      });
  }, 400);
  const isRunning = query.data?.trace.state === "IN_PROGRESS";
  useEffect(() => {
    if (!isRunning) return;
    // a process may be killed: the store marks its trace a little later
    const timer = window.setInterval(
      () => void queryClient.invalidateQueries({ queryKey: ["trace", traceId] }),
      15_000,
    );
    return () => window.clearInterval(timer);
  }, [isRunning, traceId]);
  return { ...query, isGone: gone === traceId };
}

function grown(known: TraceAnswer, update: TraceAnswer): TraceAnswer {
  if (update.trace.seq === known.trace.seq && !update.spans.length) return known;
  const merged = new Map<string, LightSpan>();
  for (const span of known.spans) merged.set(span.span_id, span);
  for (const span of update.spans) merged.set(span.span_id, span);
  return { ...update, spans: [...merged.values()] };
}

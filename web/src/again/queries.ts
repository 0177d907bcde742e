// What the server says of trying again: the servers it may ask, and what was tried before.

import { queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Trace, TracePage } from "../api/types";
import { quoted } from "../traces/conditions";
import type { Dialect } from "./body";

export interface ModelServer {
  url: string;
  host: string;
  port: number;
  dialects: Dialect[];
  has_key: boolean;
}

export const TRIED_TRACE = "tracer.tried_again.trace_id";
export const TRIED_SPAN = "tracer.tried_again.span_id";
export const FORKED_TRACE = "tracer.forked_from.trace_id";
export const FORKED_SPAN = "tracer.forked_from.span_id";
const MOST_TRIES = 50;

export const modelServers = () =>
  queryOptions({
    queryKey: ["model-servers"],
    queryFn: ({ signal }) => request<{ on: boolean; servers: ModelServer[] }>("/try-again", {}, { signal }),
    staleTime: 60_000,
  });

export const triesFilter = (traceId: string) =>
  [TRIED_TRACE, FORKED_TRACE].map((key) => `metadata.${key} = ${quoted(traceId)}`).join(" OR ");

/** The traces that were made by trying calls of this one again, or by forking it, the newest first. */
export const triesOf = (traceId: string) =>
  queryOptions({
    queryKey: ["tries", traceId],
    queryFn: ({ signal }) =>
      request<TracePage>("/traces", { filter: triesFilter(traceId), limit: MOST_TRIES }, { signal }).then(
        ({ traces }) => traces,
      ),
    staleTime: 10_000,
  });

/** The step that a trace was tried again from. */
export const originOf = (trace: Trace): { traceId: string; spanId: string } | null => {
  const [traceId, spanId] = [trace.metadata[TRIED_TRACE], trace.metadata[TRIED_SPAN]];
  return traceId && spanId ? { traceId, spanId } : null;
};

/** The step of another trace from which on this one was live. */
export const forkOf = (trace: Trace): { traceId: string; spanId: string } | null => {
  const [traceId, spanId] = [trace.metadata[FORKED_TRACE], trace.metadata[FORKED_SPAN]];
  return traceId && spanId ? { traceId, spanId } : null;
};

/** The page that compares a step with a trace that tried it again. */
export const compareAddress = (traceId: string, spanId: string, other: string) =>
  `/compare?${new URLSearchParams({ a: traceId, a_step: spanId, b: other })}`;

/** The page that compares two traces. */
export const wholeCompareAddress = (traceId: string, other: string) =>
  `/compare?${new URLSearchParams({ a: traceId, b: other })}`;

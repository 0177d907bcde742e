// Where two traces part, as the server tells it.

import { queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Trace } from "../api/types";

export interface Difference {
  step: string[];
  text: string;
  a_span_id: string | null;
  b_span_id: string | null;
}

export const traceDiff = (a: Trace, b: Trace) =>
  queryOptions({
    queryKey: ["diff", a.trace_id, a.seq, b.trace_id, b.seq],
    queryFn: ({ signal }) =>
      request<{ first: Difference | null }>(`/traces/${a.trace_id}/diff`, { other: b.trace_id }, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

// The traces before and after the one on screen, in the order of the list that was open last.

import { useQuery } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Trace, TracePage } from "../api/types";
import { conjuncts } from "../traces/conditions";
import { searchedWords } from "../traces/written";

let search = "";
let ids: string[] = [];

export function rememberList(listSearch: string, traceIds: string[]): void {
  search = listSearch;
  ids = traceIds;
}

/** A trace's page, where searched words are found again: by default those of the list that was open last. */
export function traceAddress(traceId: string, words = wordsOf(new URLSearchParams(search).get("filter"))): string {
  return words ? `/traces/${traceId}?${new URLSearchParams({ find: words })}` : `/traces/${traceId}`;
}

const wordsOf = (filter: string | null) => searchedWords(conjuncts(filter ?? ""));

export const listAddress = () => (search ? `/traces?${search}` : "/traces");

/** The ids of the newer and the older trace; null at the ends. */
export function useNeighbours(trace: Trace): { newer: string | null; older: string | null } {
  const at = ids.indexOf(trace.trace_id);
  const filter = new URLSearchParams(search).get("filter") ?? "";
  const isInList = at > 0 && at < ids.length - 1;
  const { data } = useQuery({
    queryKey: ["neighbours", trace.trace_id, filter],
    queryFn: () => ask(trace, filter),
    enabled: !isInList,
    staleTime: 10_000,
  });
  return {
    newer: ids[at - 1] ?? (at <= 0 ? data?.newer : null) ?? null,
    older: (at >= 0 ? ids[at + 1] : null) ?? data?.older ?? null,
  };
}

async function ask(trace: Trace, filter: string) {
  const [after, before] = await Promise.all([
    request<TracePage>("/traces", { filter, since_ns: trace.start_ns, order_by: "timestamp asc", limit: 3 }),
    request<TracePage>("/traces", { filter, until_ns: trace.start_ns, order_by: "timestamp desc", limit: 3 }),
  ]);
  // a time read from JSON is off by up to 128 ns: the trace itself may be on either side
  const first = (page: TracePage) => page.traces.find((other) => other.trace_id !== trace.trace_id)?.trace_id ?? null;
  return { newer: first(after), older: first(before) };
}

// The traces of a selection, page by page; updates do not move what the user reads.

import { type InfiniteData, useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useChanges } from "../api/live";
import { changedTraces, queryClient, refreshAll, traceList } from "../api/queries";
import type { Selection, Trace, TracePage } from "../api/types";
import { useGone } from "./useGone";

const NONE: Trace[] = [];
type Pages = InfiniteData<TracePage, string | null>;

export function useTraceList(selection: Selection, order: string) {
  const options = traceList(selection, order);
  const query = useInfiniteQuery(options);
  const key = JSON.stringify(options.queryKey);
  const [held, setHeld] = useState<{ key: string; traces: Trace[] }>({ key, traces: [] });
  const newTraces = held.key === key ? held.traces : [];
  const found = useMemo(() => query.data?.pages.flatMap((page) => page.traces), [query.data]);
  // an invalid filter keeps the traces found before
  const [lastFound, setLastFound] = useState<Trace[]>(NONE);
  if (found && found !== lastFound) setLastFound(found);
  const traces = found ?? (query.isError ? lastFound : NONE);

  useChanges((seq) => {
    const known = queryClient.getQueryData<Pages>(options.queryKey);
    const since = known?.pages[0]?.seq;
    if (!known || since === undefined || seq <= since) return;
    void changedTraces(selection, order, since)
      .then((answer) => {
        const loaded = new Set(known.pages.flatMap((page) => page.traces.map((trace) => trace.trace_id)));
        queryClient.setQueryData<Pages>(options.queryKey, (latest) => latest && updated(latest, answer));
        const fresh = answer.traces.filter((trace) => !loaded.has(trace.trace_id));
        if (fresh.length)
          setHeld((before) => {
            const earlier =
              before.key === key
                ? before.traces.filter((trace) => !fresh.some((one) => one.trace_id === trace.trace_id))
                : [];
            return { key, traces: [...fresh, ...earlier] };
          });
      })
      .catch(() => undefined);
  }, 300);
  useChanges(refreshAll, 3_000);

  const showNewTraces = () => {
    const isNewestFirst = order === "timestamp desc";
    if (isNewestFirst && newTraces.length < 500)
      queryClient.setQueryData<Pages>(options.queryKey, (latest) => latest && prepended(latest, newTraces));
    else void queryClient.resetQueries({ queryKey: options.queryKey });
    setHeld({ key, traces: [] });
  };
  const onView = useGone(selection, order);
  return { query, traces, newTraces, showNewTraces, onView };
}

function updated(pages: Pages, answer: TracePage): Pages {
  const changed = new Map(answer.traces.map((trace) => [trace.trace_id, trace]));
  const [first, ...rest] = pages.pages.map((page) => ({
    ...page,
    traces: page.traces.map((trace) => changed.get(trace.trace_id) ?? trace),
  }));
  return first ? { ...pages, pages: [{ ...first, seq: answer.seq }, ...rest] } : pages;
}

function prepended(pages: Pages, newTraces: Trace[]): Pages {
  const [first, ...rest] = pages.pages;
  if (!first) return pages;
  const fresh = [...newTraces].sort((a, b) => b.start_ns - a.start_ns);
  const ids = new Set(fresh.map((trace) => trace.trace_id));
  return {
    ...pages,
    pages: [{ ...first, traces: [...fresh, ...first.traces.filter((trace) => !ids.has(trace.trace_id))] }, ...rest],
  };
}

// Removes rows on screen whose traces were deleted or no longer match the filter.

import type { InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { request } from "../api/client";
import { useChanges } from "../api/live";
import { queryClient, traceList } from "../api/queries";
import type { Selection, TracePage } from "../api/types";
import { quoted } from "./conditions";

const MOST = 200;

/** Called with the ids of the rows on screen when they change. */
export function useGone(selection: Selection, order: string): (inView: string[]) => void {
  const inView = useRef<string[]>([]);
  const latest = useRef(0);
  const shownAt = useRef<number | undefined>(undefined); // number of the list's change when its rows were first shown
  const list = useRef(traceList(selection, order).queryKey);
  list.current = traceList(selection, order).queryKey;
  const checked = useRef(new Map<string, number>());
  const timer = useRef<number | undefined>(undefined);
  const check = useRef(() => {});
  check.current = () => {
    timer.current = undefined;
    const at = latest.current;
    const ids = inView.current.filter((id) => (checked.current.get(id) ?? 0) < at).slice(0, MOST);
    if (!ids.length) return;
    void remaining(selection, ids)
      .then((found) => {
        for (const id of found) checked.current.set(id, at);
        const gone = new Set(ids.filter((id) => !found.has(id)));
        if (gone.size)
          queryClient.setQueryData<InfiniteData<TracePage, string | null>>(
            traceList(selection, order).queryKey,
            (pages) => pages && without(pages, gone),
          );
      })
      .catch(() => undefined);
  };
  const plan = useCallback(() => {
    if (latest.current && timer.current === undefined) timer.current = window.setTimeout(() => check.current(), 300);
  }, []);
  useChanges((seq) => {
    // the number that every connection begins with is no change to a list that was fetched at that time or later
    if (!latest.current && seq <= (shownAt.current ?? seq)) return;
    latest.current = seq;
    plan();
  }, 2_000);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  return useCallback(
    (ids: string[]) => {
      inView.current = ids;
      const known = queryClient.getQueryData<InfiniteData<TracePage>>(list.current);
      shownAt.current ??= known?.pages[0]?.seq;
      plan();
    },
    [plan],
  );
}

async function remaining(selection: Selection, ids: string[]): Promise<Set<string>> {
  const named = `trace_id IN (${ids.map(quoted).join(", ")})`;
  const filter = selection.filter ? `(${selection.filter}) AND ${named}` : named;
  const page = await request<TracePage>("/traces", { ...selection, filter, limit: ids.length });
  return new Set(page.traces.map((trace) => trace.trace_id));
}

function without(pages: InfiniteData<TracePage, string | null>, gone: ReadonlySet<string>) {
  const left = (page: TracePage) => ({ ...page, traces: page.traces.filter((trace) => !gone.has(trace.trace_id)) });
  return { ...pages, pages: pages.pages.map(left) };
}

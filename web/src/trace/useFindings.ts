// Matches of a search within the trace: at once by name, kind, model and error, a moment later by content.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { request } from "../api/client";
import type { Json } from "../api/types";
import { isContainer } from "../text/exact";
import { matches, type Tree } from "./tree";

const SHORTEST = 3;
const MOST_STEPS = 20_000;

interface Records {
  records: { [key: string]: Json }[];
}

export function useFindings(traceId: string, seq: number, tree: Tree, search: string): ReadonlySet<string> | null {
  const needle = search.trim().toLowerCase();
  const { data: texts } = useQuery({
    queryKey: ["texts", traceId, seq],
    queryFn: ({ signal }) =>
      request<Records>(`/traces/${encodeURIComponent(traceId)}/records`, {}, { signal }).then(textsOf),
    enabled: needle.length >= SHORTEST && tree.byId.size <= MOST_STEPS,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  return useMemo(() => {
    if (!needle) return null;
    const found = new Set<string>();
    for (const [id, node] of tree.byId)
      if (matches(node.span, needle) || texts?.get(id)?.includes(needle)) found.add(id);
    return found;
  }, [needle, tree, texts]);
}

/** Inputs, outputs and attributes of each step as one lower-case text. */
function textsOf({ records }: Records): Map<string, string> {
  const texts = new Map<string, string>();
  for (const record of records) if (record.span_id) texts.set(String(record.span_id), valuesOf(record).toLowerCase());
  return texts;
}

function valuesOf(value: Json): string {
  if (Array.isArray(value)) return value.map(valuesOf).join("\n");
  if (isContainer(value)) return Object.values(value).map(valuesOf).join("\n");
  return String(value);
}

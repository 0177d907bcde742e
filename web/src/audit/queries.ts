// What the server finds in traces: spending without need.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Selection } from "../api/types";

export interface Finding {
  kind: string;
  step: string;
  place: string;
  reason: string;
  calls: number;
  tokens: number;
  cost: number | null;
  tokens_per_day: number;
  cost_per_day: number | null;
  traces: string[];
  span_id: string | null;
}

export interface Audit {
  findings: Finding[];
  traces: number;
  calls: number;
  tokens: number;
  cost: number | null;
  days: number;
}

export const audit = (selection: Partial<Selection>) =>
  queryOptions({
    queryKey: ["audit", selection],
    queryFn: ({ signal }) => request<Audit>("/audit", { ...selection }, { signal }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });

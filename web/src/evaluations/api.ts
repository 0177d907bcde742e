// Evaluations as the server answers them.

import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { request } from "../api/client";
import type { Cost, Json, Latency, State, Usage } from "../api/types";
import { isFilter } from "../traces/written";

export interface ScoreSums {
  name: string;
  /** Null where the traces are gone. */
  count: number | null;
  /** Of numbers, and of yes and no; null for other texts. */
  mean: number | null;
  failed: number;
  texts: { text: string; count: number }[];
}

export interface Evaluation {
  run_id: string;
  name: string;
  status: string;
  experiment: string;
  started_ns: number;
  ended_ns: number | null;
  tags: Record<string, string>;
  params: Record<string, string>;
  metrics: Record<string, number>;
  dataset: string | null;
  versions: { model_id: string; name: string }[];
  row_count: number;
  expected_rows: number | null;
  failed_count: number;
  usage: Usage | null;
  cost: Cost | null;
  latency_ns: Latency | null;
  scores: ScoreSums[];
}

export interface EvaluationPage {
  evaluations: Evaluation[];
  total: number;
  next_page_token: string | null;
  seq: number;
}

export interface Score {
  name: string;
  value: Json;
  number: number | null;
  rationale: string | null;
  error: string | null;
  source: string | null;
  judge_trace_id: string | null;
}

export interface Answer {
  trace_id: string;
  root_span_id: string | null;
  model_id: string | null;
  state: State;
  error: string | null;
  response_preview: string | null;
  start_ns: number;
  duration_ns: number | null;
  cost: Cost | null;
  scores: Score[];
}

export type Change = "better" | "worse" | "same";

export interface EvaluationRow {
  id: string;
  only_in: "run" | "base" | null;
  request_preview: string | null;
  expectations: Record<string, Json>;
  tags: Record<string, string>;
  answer: Answer;
  base: Answer | null;
  changes: Record<string, Change>;
}

export interface ScoreComparison {
  name: string;
  before: number | null;
  after: number | null;
  better: number;
  worse: number;
  same: number;
  p_value: number;
  may_be_chance: boolean;
}

export type Kind = "all" | "failing" | "worse" | "better" | "same" | "only";

export interface EvaluationRows {
  evaluation: Evaluation;
  base: Evaluation | null;
  comparison: { scores: ScoreComparison[]; joined: number; only_in_run: number; only_in_base: number } | null;
  counts: Record<Kind, number>;
  rows: EvaluationRow[];
  total: number;
  next_page_token: string | null;
  seq: number;
}

/** A text with an operator is a filter, any other is words. */
const searched = (text: string) => (isFilter(text) ? { filter: text } : { words: text });

export const evaluationList = (text: string, modelId: string | null = null) =>
  infiniteQueryOptions({
    queryKey: ["evaluations", text, modelId],
    queryFn: ({ pageParam, signal }) =>
      request<EvaluationPage>(
        "/evaluations",
        { ...searched(text), model_id: modelId, limit: 50, page_token: pageParam },
        { signal },
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    placeholderData: keepPreviousData,
    retry: false,
  });

export interface Asked {
  base: string | null;
  filter: string;
  show: Kind;
  order: string;
}

export const evaluationRows = (runId: string, { base, filter, show, order }: Asked) =>
  infiniteQueryOptions({
    queryKey: ["evaluation", runId, base, filter, show, order],
    queryFn: ({ pageParam, signal }) =>
      request<EvaluationRows>(
        `/evaluations/${encodeURIComponent(runId)}`,
        { base, filter, show, order_by: order, limit: 100, page_token: pageParam },
        { signal },
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    // rows of another order or filter stay until the new ones are there, those of another run do not
    placeholderData: (before, query) =>
      query?.queryKey[1] === runId && query.queryKey[2] === base ? before : undefined,
    retry: false,
  });

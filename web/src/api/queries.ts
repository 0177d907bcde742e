// Queries to the server, with their cache keys.

import { infiniteQueryOptions, keepPreviousData, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { withPlainNumbers } from "../text/exact";
import { ApiError, exactRequest, isAway, isMissing, request } from "./client";
import type {
  Completion,
  Dataset,
  Facets,
  Histogram,
  Model,
  ReviewProgress,
  ReviewQueue,
  RowPage,
  Scores,
  Selection,
  ServerInfo,
  SessionAnswer,
  SessionPage,
  Span,
  Statistics,
  TraceAnswer,
  TracePage,
  TraceRecords,
  Version,
} from "./types";

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    // the sign-in expired: the query for the server then shows the form
    onError: (error, query) => {
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== "server")
        void queryClient.invalidateQueries({ queryKey: ["server"] });
    },
  }),
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      staleTime: 5_000,
      retry: (failures, error) =>
        failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
      // what is on screen comes by itself once the server is back, or once it is there
      refetchInterval: ({ state }) => (isAway(state.error) || isMissing(state.error)) && AGAIN_MS,
    },
  },
});

/** Pause after which a server that is away is asked again, and what it did not have. */
const AGAIN_MS = 3_000;

const PAGE = 200;

export const serverInfo = () =>
  queryOptions({
    queryKey: ["server"],
    queryFn: () => request<ServerInfo>("/server"),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const datasets = () =>
  queryOptions({
    queryKey: ["datasets"],
    queryFn: ({ signal }) => request<{ datasets: Dataset[] }>("/datasets", {}, { signal }),
  });

const ROWS = 200;

export const datasetRows = (datasetId: string, filter: string) =>
  infiniteQueryOptions({
    queryKey: ["rows", datasetId, filter],
    queryFn: ({ pageParam, signal }) => rowPage(datasetId, filter, ROWS, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    placeholderData: keepPreviousData,
  });

export const rowPage = (
  datasetId: string,
  filter: string,
  limit: number,
  token: string | null,
  signal?: AbortSignal,
): Promise<RowPage> =>
  exactRequest(
    `/datasets/${encodeURIComponent(datasetId)}/rows`,
    { filter, limit, page_token: token },
    { signal },
  ) as unknown as Promise<RowPage>;

export const reviewQueues = () =>
  queryOptions({
    queryKey: ["review-queues"],
    queryFn: ({ signal }) => request<{ queues: ReviewQueue[] }>("/review-queues", {}, { signal }),
  });

export const reviewQueue = (queueId: string) =>
  queryOptions({
    queryKey: ["review-queue", queueId],
    queryFn: ({ signal }) => request<ReviewQueue>(`/review-queues/${encodeURIComponent(queueId)}`, {}, { signal }),
  });

export const reviewProgress = (queueId: string, reviewer: string) =>
  queryOptions({
    queryKey: ["review-progress", queueId, reviewer],
    queryFn: ({ signal }) =>
      request<ReviewProgress>(`/review-queues/${encodeURIComponent(queueId)}/progress`, { reviewer }, { signal }),
    placeholderData: keepPreviousData,
  });

export const tracesToReview = (queueId: string, reviewer: string, limit: number, signal?: AbortSignal) =>
  request<TracePage>(`/review-queues/${encodeURIComponent(queueId)}/traces`, { reviewer, limit }, { signal });

export const traceList = (selection: Selection, order: string) =>
  infiniteQueryOptions({
    queryKey: ["traces", selection, order],
    queryFn: ({ pageParam, signal }) =>
      request<TracePage>("/traces", { ...selection, order_by: order, limit: PAGE, page_token: pageParam }, { signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    placeholderData: keepPreviousData,
    retry: false,
  });

/** The id of the one trace that a filter finds, or null. */
export const firstTraces = (filter: string, limit: number) => request<TracePage>("/traces", { filter, limit });

export const traceOf = (filter: string) => firstTraces(filter, 1).then(({ traces }) => traces[0]?.trace_id ?? null);

export const changedTraces = (selection: Selection, order: string, since: number) =>
  request<TracePage>("/traces", { ...selection, order_by: order, limit: 500, changed_since: since });

export const histogramOf = (selection: Selection, buckets: number, signal: AbortSignal) =>
  request<Histogram>("/traces/histogram", { ...selection, buckets }, { signal });

export const histogram = (selection: Selection, buckets: number) =>
  queryOptions({
    queryKey: ["histogram", selection, buckets],
    queryFn: ({ signal }) => histogramOf(selection, buckets, signal),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const facets = (selection: Selection, fields: string[]) =>
  queryOptions({
    queryKey: ["facets", selection, fields],
    queryFn: ({ signal }) => request<Facets>("/traces/facets", { ...selection, fields: fields.join(",") }, { signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const completion = (filter: string, cursor: number, signal: AbortSignal) =>
  request<Completion>("/filter/complete", { filter: filter || " ", cursor }, { signal });

export const checkFilter = (filter: string, signal: AbortSignal) =>
  request<{ valid: boolean; error: { message: string; position: number } | null }>(
    "/filter/check",
    { filter },
    { signal },
  );

export const traceAnswer = (traceId: string, position: number, signal?: AbortSignal) =>
  request<TraceAnswer>(`/traces/${encodeURIComponent(traceId)}`, { position: position || null }, { signal });

/** A trace with all of its spans; `useTrace` keeps it up to date. */
export const wholeTrace = (traceId: string) =>
  queryOptions({
    queryKey: ["trace", traceId],
    queryFn: ({ signal }) => traceAnswer(traceId, 0, signal),
    staleTime: 2_000,
  });

export const spanPayload = (traceId: string, spanId: string, version = 0) =>
  queryOptions({
    // a span that ends after it was shown has another payload from then on
    queryKey: ["span", traceId, spanId, version],
    queryFn: ({ signal }) =>
      exactRequest(`/traces/${encodeURIComponent(traceId)}/spans/${encodeURIComponent(spanId)}`, {}, { signal }).then(
        (span) => withPlainFigures(span as unknown as Span),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

const TURNS = 20;

function withPlainTurns({ turns, ...rest }: SessionAnswer): SessionAnswer {
  const messages = turns.map((turn) => ({ trace: withPlainNumbers(turn.trace), messages: turn.messages }));
  return { ...withPlainNumbers({ ...rest, turns: [] }), turns: messages };
}

/** Recorded values keep exact numbers; fields for arithmetic become JavaScript numbers. */
function withPlainFigures(span: Span): Span {
  const { inputs, outputs, input_messages, output_messages, system_instructions, tools, attributes, ...figures } = span;
  const events = span.events.map((event) => ({ ...event, time_ns: Number(event.time_ns) }));
  const recorded = { inputs, outputs, input_messages, output_messages, system_instructions, tools, attributes, events };
  return { ...withPlainNumbers({ ...figures, events: [] }), ...recorded };
}

/** A trace with the records of its spans, as `tracer export` writes them. */
export const traceRecords = (traceId: string) =>
  exactRequest(`/traces/${encodeURIComponent(traceId)}/records`).then((answer) => answer as unknown as TraceRecords);

export const sessionList = (selection: Selection, order: string) =>
  infiniteQueryOptions({
    queryKey: ["sessions", selection, order],
    queryFn: ({ pageParam, signal }) =>
      request<SessionPage>(
        "/sessions",
        { ...selection, order_by: order, limit: 100, page_token: pageParam },
        { signal },
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    placeholderData: keepPreviousData,
    retry: false,
  });

export const sessionTurns = (sessionId: string) =>
  infiniteQueryOptions({
    queryKey: ["session", sessionId],
    queryFn: ({ pageParam, signal }) =>
      exactRequest(
        `/sessions/${encodeURIComponent(sessionId)}`,
        { limit: TURNS, page_token: pageParam },
        { signal },
      ).then((answer) => withPlainTurns(answer as unknown as SessionAnswer)),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
  });

export const statistics = (
  selection: Selection,
  groupBy: string,
  intervalNs: number | null,
  latency?: "total" | "first_chunk",
) =>
  queryOptions({
    queryKey: ["statistics", selection, groupBy, intervalNs, latency],
    queryFn: ({ signal }) =>
      request<Statistics>(
        "/statistics",
        { ...selection, group_by: groupBy, interval_ns: intervalNs, latency },
        { signal },
      ),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const feedbackSums = (selection: Selection) =>
  queryOptions({
    queryKey: ["feedback sums", selection],
    queryFn: ({ signal }) => request<{ feedback: Scores[] }>("/feedback", { ...selection }, { signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const versionList = (selection: Selection) =>
  queryOptions({
    queryKey: ["versions", selection],
    queryFn: ({ signal }) => request<{ versions: Version[] }>("/versions", { ...selection }, { signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const modelList = () =>
  queryOptions({
    queryKey: ["models"],
    queryFn: ({ signal }) => request<{ models: Model[] }>("/models", { longest: 200 }, { signal }),
    staleTime: 30_000,
    retry: false,
  });

export const runNamed = (runId: string) =>
  queryOptions({
    queryKey: ["run", runId],
    queryFn: ({ signal }) => request<{ runs: { name: string }[] }>("/runs", { run_id: runId }, { signal }),
    staleTime: 60_000,
    retry: false,
  });

export const experimentList = () =>
  queryOptions({
    queryKey: ["experiments"],
    queryFn: ({ signal }) =>
      request<{ experiments: { experiment_id: string; name: string; trace_count: number }[] }>(
        "/experiments",
        {},
        { signal },
      ),
    staleTime: 60_000,
  });

const LIVE = ["evaluations", "histogram", "facets", "sessions", "session", "statistics", "feedback sums", "versions"];

/** The change number that an answer, or the first page of several, has everything up to. */
const seqOf = (data: unknown): number => {
  const answer = data as { seq?: number; data?: unknown; pages?: unknown[] } | undefined;
  if (answer?.pages) return seqOf(answer.pages[0]);
  return answer?.seq ?? (answer?.data ? seqOf(answer.data) : 0);
};

/** Fetches what is on screen again, but for answers that have this change already. */
export function refreshAll(seq = Number.POSITIVE_INFINITY): void {
  void queryClient.invalidateQueries({
    predicate: (query) => LIVE.includes(String(query.queryKey[0])) && seqOf(query.state.data) < seq,
  });
}

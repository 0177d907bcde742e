// What the bars over the list show, and in which words.

import { useQuery } from "@tanstack/react-query";
import { statistics } from "../api/queries";
import type { Histogram, Selection, StatisticsGroup } from "../api/types";
import { count, duration, money, plural } from "../format";

export const BAR_METRICS = [
  ["count", "Traces"],
  ["errors", "Failed"],
  ["p50", "Latency p50"],
  ["p95", "Latency p95"],
  ["cost", "Cost"],
  ["tokens", "Tokens"],
] as const;

export type BarMetric = (typeof BAR_METRICS)[number][0];
type Summed = Exclude<BarMetric, "count" | "errors">;

const SUMS: Record<Summed, [(row: StatisticsGroup) => number, (value: number) => string]> = {
  p50: [(row) => row.latency_ns.p50, (ns) => `p50 ${duration(ns)}`],
  p95: [(row) => row.latency_ns.p95, (ns) => `p95 ${duration(ns)}`],
  cost: [(row) => row.cost ?? 0, money],
  tokens: [(row) => row.input_tokens + row.output_tokens, (tokens) => plural(tokens, "token")],
};

export interface Bar {
  start_ns: number;
  value: number;
  /** The part of the value that failed. */
  failed: number;
  said: string;
}

export const barMetricOf = (text: string | null): BarMetric =>
  BAR_METRICS.find(([metric]) => metric === text)?.[0] ?? "count";

const isSummed = (metric: BarMetric): metric is Summed => metric in SUMS;

/** A bar for each step of a histogram. */
export function useBars(selection: Selection, data: Histogram | undefined, metric: BarMetric): Bar[] {
  const time = { since_ns: data?.since_ns ?? null, until_ns: data?.until_ns ?? null };
  const { data: sums } = useQuery({
    ...statistics({ ...selection, ...time }, "all_traces", data?.step_ns ?? null),
    enabled: isSummed(metric) && Boolean(data?.buckets.length),
  });
  if (!data) return [];
  if (!isSummed(metric))
    return data.buckets.map(({ start_ns, count: traces, errors }) => ({
      start_ns,
      value: metric === "count" ? traces : errors,
      failed: errors,
      said: `${plural(traces, "trace")}, ${count(errors)} failed`,
    }));
  const [amountOf, say] = SUMS[metric];
  const byStart = new Map(sums?.series.map((row) => [row.start_ns, row]));
  return data.buckets.map(({ start_ns, count: traces }) => {
    const row = byStart.get(start_ns);
    const value = row ? amountOf(row) : 0;
    return { start_ns, value, failed: 0, said: row ? `${say(value)}, ${plural(traces, "trace")}` : "no trace" };
  });
}

// Figures of versions, and which differences between two may be chance.

import type { Version } from "../api/types";
import { count, duration, money, percent, totalTokens } from "../format";
import { condition, keyedField } from "../traces/conditions";

/** A figure of one version: its value, how sure it is, and of how many traces or scores. */
export interface Measured {
  value: number;
  /** Standard error. */
  error: number;
  n: number;
  /** What it is of, in words. */
  of?: string;
}

export interface Figure {
  word: string;
  of: (version: Version) => Measured | null;
  show: (value: number) => string;
  /** Whether a higher value is better, worse, or neither. */
  more: "good" | "bad" | "neither";
  /** Fewest traces that say anything. */
  fewest: number;
  /** The traces behind the figure: a condition and an order. */
  filter?: string;
  order?: string;
}

const each = (sum: number | null | undefined, error: number | undefined, { trace_count }: Version): Measured | null =>
  sum === null || sum === undefined || !trace_count
    ? null
    : { value: sum / trace_count, error: error ?? 0, n: trace_count };

const latency = (name: "p50" | "p95" | "p99", version: Version): Measured | null =>
  version.latency_ns && {
    value: version.latency_ns[name],
    error: (version.uncertainty[`latency_${name}_ms`] ?? 0) * 1e6,
    n: version.trace_count,
  };

/** Standard error of a share, with a success and a failure added: none of three is not never. */
export function shareError(part: number, n: number): number {
  const share = (part + 1) / (n + 2);
  return Math.sqrt((share * (1 - share)) / (n + 2));
}

export const FIGURES: Figure[] = [
  {
    word: "Traces",
    of: (v) => ({ value: v.trace_count, error: 0, n: v.trace_count }),
    show: count,
    more: "neither",
    fewest: 1,
  },
  {
    word: "Failed",
    of: (v) => ({
      value: v.error_count / Math.max(1, v.trace_count),
      error: shareError(v.error_count, v.trace_count),
      n: v.trace_count,
      of: `${count(v.error_count)} of ${count(v.trace_count)}`,
    }),
    show: (share) => percent(share, 1),
    more: "bad",
    fewest: 2,
    filter: "state = 'ERROR'",
  },
  {
    word: "Latency, median",
    of: (v) => latency("p50", v),
    show: duration,
    more: "bad",
    fewest: 5,
    order: "duration desc",
  },
  {
    word: "Latency, p95",
    of: (v) => latency("p95", v),
    show: duration,
    more: "bad",
    fewest: 40,
    order: "duration desc",
  },
  {
    word: "Latency, p99",
    of: (v) => latency("p99", v),
    show: duration,
    more: "bad",
    fewest: 200,
    order: "duration desc",
  },
  {
    word: "Tokens a trace",
    of: (v) => each(totalTokens(v.usage), v.uncertainty.tokens, v),
    show: (n) => count(Math.round(n)),
    more: "bad",
    fewest: 2,
    order: "tokens desc",
  },
  {
    word: "Cost a trace",
    of: (v) => each(v.cost?.total_cost, v.uncertainty.cost, v),
    show: money,
    more: "bad",
    fewest: 2,
    order: "cost desc",
  },
  {
    word: "Cost",
    of: (v) => (v.cost ? { value: v.cost.total_cost, error: 0, n: v.trace_count } : null),
    show: money,
    more: "neither",
    fewest: 1,
    order: "cost desc",
  },
];

export const scoresOf = (version: Version, name: string) => version.feedback.find((given) => given.name === name);

export function feedbackFigures(versions: Version[]): Figure[] {
  const named = versions.flatMap((version) => version.feedback.filter((given) => given.mean !== null));
  return [...new Set(named.map((given) => given.name))].sort().map((name) => ({
    word: `Feedback: ${name}`,
    of: (version) => {
      const given = scoresOf(version, name);
      if (!given || given.mean === null) return null;
      const texts = given.texts.reduce((sum, text) => sum + text.count, 0);
      const n = given.count - texts;
      // a handful of equal scores has no deviation, and is not sure for that
      const spread = Math.max(given.deviation ?? 0, Math.abs(given.mean) / 10, 0.01);
      return { value: given.mean, error: spread / Math.sqrt(Math.max(1, n)), n, of: `of ${count(n)}` };
    },
    show: (mean) => mean.toFixed(2),
    more: "good" as const,
    fewest: 5,
    filter: `${keyedField("feedback", name)} IS NOT NULL`,
  }));
}

/** Names of feedback that is given in words. */
export const textScores = (versions: Version[]) =>
  [
    ...new Set(
      versions.flatMap((version) => version.feedback.filter((given) => given.texts.length).map((one) => one.name)),
    ),
  ].sort();

export interface Change {
  /** 0.17 is 17 % more; null where the base is zero. */
  by: number | null;
  isChance: boolean;
  isGood: boolean;
}

/** The change from a base; null where there is none to speak of. Chance alone makes one in twenty larger ones. */
export function changeOf(figure: Figure, value: Measured, base: Measured | null): Change | null {
  if (!base || figure.more === "neither" || value.value === base.value) return null;
  const by = base.value ? value.value / base.value - 1 : null;
  if (by !== null && Math.abs(by) < 0.01) return null;
  const isFew = Math.min(value.n, base.n) < figure.fewest;
  const isChance = isFew || Math.abs(value.value - base.value) < 1.96 * Math.hypot(value.error, base.error);
  return { by, isChance, isGood: value.value > base.value === (figure.more === "good") };
}

/** The traces behind a figure of a version. */
export function tracesBehind(version: Version, { filter, order }: Pick<Figure, "filter" | "order">): string {
  const conditions = [condition("version", version.model_id), ...(filter ? [filter] : []), NO_EXAMPLES];
  return `/traces?${new URLSearchParams({ filter: conditions.join(" AND "), ...(order && { order }) })}`;
}

/** Runs of a model's input example while it was logged. */
export const NO_EXAMPLES = "NOT tags.tracer.example = 'true'";

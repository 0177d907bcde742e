// Converts the server's statistics to the columns of a chart.

import type { Statistics, StatisticsGroup } from "../api/types";

export type Metric = (row: StatisticsGroup) => number | null;

export interface Chart {
  times: number[];
  groups: string[];
  values: (number | null)[][];
}

const MOST_GROUPS = 6;
const FEWEST_STEPS = 24;
export const OTHERS = "others";
const STEPS_MS = [60e3, 300e3, 900e3, 3600e3, 6 * 3600e3, 86_400e3, 7 * 86_400e3];

/** The shortest round step with at most this number of bars. */
export function stepFor(rangeNs: number, most = 72): number {
  const step = STEPS_MS.find((ms) => rangeNs / 1e6 / ms <= most) ?? STEPS_MS[STEPS_MS.length - 1] ?? 60e3;
  return step * 1e6;
}

/** One row of values a group; small groups are summed where values can be added. Groups and times are those of `like`. */
export function chartOf(statistics: Statistics, metric: Metric, canAdd: boolean, like = statistics): Chart {
  const { series, interval_ns: step } = statistics;
  if (!series.length || !step) return { times: [], groups: [], values: [] };
  const named = like.groups.slice(0, MOST_GROUPS).map((group) => group.group);
  const hasOthers = canAdd && like.groups.length > MOST_GROUPS;
  const groups = hasOthers ? [...named, OTHERS] : named;
  const last = like.series.reduce((most, row) => Math.max(most, row.start_ns), 0);
  const earliest = like.series.reduce((least, row) => Math.min(least, row.start_ns), last);
  // a few bars on a short axis look odd: empty time is added before them
  const first = Math.min(earliest, last - (FEWEST_STEPS - 1) * step);
  const length = Math.round((last - first) / step) + 1;
  const times = Array.from({ length }, (_, index) => (first + index * step) / 1e9);
  const values = groups.map(() => new Array<number | null>(length).fill(canAdd ? 0 : null));
  for (const row of series) {
    const at = groups.indexOf(row.group);
    const column = values[at < 0 && hasOthers ? groups.length - 1 : at];
    const index = Math.round((row.start_ns - first) / step);
    const value = metric(row);
    if (index < 0 || index >= length) continue;
    if (column && value !== null) column[index] = canAdd ? (column[index] ?? 0) + value : value;
  }
  return { times, groups, values };
}

/** Stacks each row on top of those before it. */
export function stacked(values: (number | null)[][]): number[][] {
  const sums: number[][] = [];
  for (const row of values) {
    const below = sums[sums.length - 1];
    sums.push(row.map((value, index) => (value ?? 0) + (below?.[index] ?? 0)));
  }
  return sums;
}

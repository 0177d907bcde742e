import { expect, test } from "vitest";
import type { Statistics } from "../api/types";
import { chartOf, stacked, stepFor } from "./series";

const row = (group: string, calls: number) => ({
  group,
  calls,
  errors: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost: null,
  priced: 0,
  unmeasured: 0,
  latency_ns: { p50: 1, p95: 2, p99: 3 },
});

const minute = 60e9;
const answer = (names: string[]): Statistics => ({
  group_by: "model",
  counts: "calls",
  since_ns: 0,
  until_ns: 3 * minute,
  interval_ns: minute,
  exact: true,
  groups: names.map((name) => row(name, 1)),
  series: names.flatMap((name) => [
    { ...row(name, 1), start_ns: 0 },
    { ...row(name, 2), start_ns: 2 * minute },
  ]),
});

test("steps without calls are zero where values add up, and gaps where they do not", () => {
  const chart = chartOf(answer(["a"]), (one) => one.calls, true);
  expect(chart.times.slice(-3)).toEqual([0, 60, 120]);
  expect(chart.values[0]?.slice(-4)).toEqual([0, 1, 0, 2]);
  expect(chartOf(answer(["a"]), (one) => one.calls, false).values[0]?.slice(-4)).toEqual([null, 1, null, 2]);
});

test("the groups beyond six are added up as others", () => {
  const chart = chartOf(answer([..."abcdefgh"]), (one) => one.calls, true);
  expect(chart.groups.at(-1)).toBe("others");
  expect(chart.values.at(-1)?.slice(-3)).toEqual([2, 0, 4]);
});

test("rows are stacked on those before them", () => {
  expect(
    stacked([
      [1, null],
      [2, 3],
    ]),
  ).toEqual([
    [1, 0],
    [3, 3],
  ]);
});

test("a range is cut into at most so many steps", () => {
  expect(stepFor(3600e9)).toBe(60e9);
  expect(stepFor(86_400e9)).toBe(3600e9);
});

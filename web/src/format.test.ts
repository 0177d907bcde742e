import { expect, test } from "vitest";
import { briefDuration, fineDuration, milliseconds, minuteOf, moment, money, roundMoney } from "./format";

const now = new Date(2026, 10, 21, 12).getTime();
const at = (...date: [number, number, number, number]) => new Date(...date).getTime() * 1e6;

test("a moment names the day when it is not today, the year when it is not this one", () => {
  expect(moment(at(2026, 10, 21, 9), now)).not.toContain("21");
  expect(moment(at(2026, 10, 20, 9), now)).toContain("20");
  expect(moment(at(2026, 10, 20, 9), now)).not.toContain("2026");
  expect(moment(at(2025, 10, 21, 9), now)).toContain("2025");
  expect(minuteOf(at(2031, 0, 1, 9) / 1e6, now)).toContain("2031");
  expect(minuteOf(now, now)).not.toContain("2026");
});

test("milliseconds stand behind the seconds", () => {
  expect(milliseconds(1_790_000_000_007_000_000)).toBe(".007");
});

test("money has two significant digits, or cents", () => {
  const amounts = [0, 1e-7, 0.000_021_4, 0.000_4, 0.0123, 0.999, 1.239, 12_345];
  expect(amounts.map(money)).toEqual([
    "$0",
    "<$0.000001",
    "$0.000021",
    "$0.00040",
    "$0.012",
    "$1.00",
    "$1.24",
    "$12.3K",
  ]);
});

test("amounts on an axis have cents, or two digits below them", () => {
  expect([0, 0.002, 0.05, 0.1, 0.15, 2].map(roundMoney)).toEqual(["$0", "$0.002", "$0.05", "$0.10", "$0.15", "$2.00"]);
});

test("durations fit a narrow place, and tell chunks apart", () => {
  expect([250e9, 4000e9, 1.5e9].map(briefDuration)).toEqual(["4:10 min", "1:06 h", "1.50 s"]);
  expect([11.24e6, 11.31e6, 2e9].map(fineDuration)).toEqual(["11.24 ms", "11.31 ms", "2.00 s"]);
});

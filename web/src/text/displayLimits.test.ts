import { expect, test } from "vitest";
import { cutAt, DEFAULT_LIMITS, sharedLimits } from "./displayLimits";

const limits = { characters: 100, lines: 5 };

test("what fits is not cut", () => {
  expect(cutAt("short", limits)).toBe(5);
  expect(cutAt("x".repeat(105), limits)).toBe(105);
  expect(cutAt("a\nb\n", limits)).toBe(4);
});

test("a long text is cut at the end of a line, a long line within it", () => {
  expect(cutAt(`${"x".repeat(79)}\n${"y".repeat(500)}`, limits)).toBe(80);
  expect(cutAt("x".repeat(500), limits)).toBe(100);
  expect(cutAt("line\n".repeat(500), limits)).toBe(25);
});

test("no character is cut in two", () => {
  expect(cutAt(`${"x".repeat(99)}${"😀".repeat(50)}`, limits)).toBe(99);
});

test("many long texts share the limits of one", () => {
  expect(sharedLimits(DEFAULT_LIMITS, 1)).toEqual(DEFAULT_LIMITS);
  expect(sharedLimits(DEFAULT_LIMITS, 10)).toEqual({ characters: 2000, lines: 40, entries: 10, isCollapsed: false });
});

import { expect, test } from "vitest";
import { filledPart, mainPart } from "./mainPart";

const buckets = (...counts: number[]) => counts.map((count, index) => ({ start_ns: index * 10, count }));

test("one trace in the future does not flatten the others", () => {
  expect(mainPart(buckets(40, 60, 0, 0, 0, 0, 0, 1), 10)).toEqual({ since_ns: 0, until_ns: 20, outside: 1 });
});

test("one on either side neither", () => {
  expect(mainPart(buckets(1, 0, 0, 0, 0, 0, 0, 0, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0, 1), 10)).toEqual({
    since_ns: 90,
    until_ns: 100,
    outside: 2,
  });
});

test("time without traces at the ends is left out where it is most of it", () => {
  expect(filledPart(buckets(0, 0, 0, 4, 5, 0, 0), 10)).toEqual({ since_ns: 30, until_ns: 50, outside: 0 });
  expect(filledPart(buckets(1, 0, 0, 4, 5, 0, 0), 10)).toBeNull();
});

test("a quiet time between two busy ones is drawn", () => {
  expect(mainPart(buckets(5, 0, 0, 0, 0, 0, 0, 5), 10)).toBeNull();
  expect(mainPart(buckets(1, 0, 0, 0, 0, 0, 0, 1), 10)).toBeNull();
  expect(mainPart(buckets(3, 4, 5), 10)).toBeNull();
  expect(mainPart([], 10)).toBeNull();
});

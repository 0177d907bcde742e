import { expect, test } from "vitest";
import { between, WHOLE, zoomed } from "./zoom";

test("zooming keeps the moment under the pointer and stays inside the trace", () => {
  const close = zoomed(WHOLE, 0.5, 0.4);
  expect([close.from, close.to]).toEqual([expect.closeTo(0.2), expect.closeTo(0.7)]);
  expect(zoomed(close, 2, 0.4)).toEqual(WHOLE);
  expect(zoomed(WHOLE, 0.5, 0)).toEqual({ from: 0, to: 0.5 });
  expect(between(0.75, 0.25)).toEqual({ from: 0.25, to: 0.75 });
  const point = between(1, 1);
  expect([point.to, point.to - point.from > 0]).toEqual([1, true]);
});

import { expect, test } from "vitest";
import { earlier, firstWindow, later } from "./window";

test("a short conversation is whole, a long one begins with its ends", () => {
  expect(firstWindow(14)).toEqual({ of: 14, head: 0, from: 0, to: 14 });
  expect(firstWindow(1000)).toEqual({ of: 1000, head: 2, from: 992, to: 1000 });
});

test("the window moves up to the first messages and back to the last, and never holds more than two dozen", () => {
  let at = firstWindow(90);
  for (let step = 0; step < 7; step++) {
    at = earlier(at);
    expect(at.to - at.from).toBeLessThanOrEqual(24);
  }
  expect(at).toEqual({ of: 90, head: 2, from: 2, to: 26 });
  for (let step = 0; step < 6; step++) at = later(at);
  expect(at).toEqual({ of: 90, head: 2, from: 66, to: 90 });
});

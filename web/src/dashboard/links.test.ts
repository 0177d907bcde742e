// Addresses of the traces behind the dashboard's figures.

import { expect, test } from "vitest";
import { tracesOf } from "./links";

test("a bar that reaches beyond the chosen time opens the traces of that time alone", () => {
  const url = new URLSearchParams("since=100&until=200");
  const addressOf = tracesOf(url, "");

  expect(addressOf([], "", [90, 120])).toBe("/traces?since=100&until=120");
  expect(addressOf([], "", [120, 150])).toBe("/traces?since=120&until=150");
  expect(addressOf([], "", [190, 220])).toBe("/traces?since=190&until=200");
  expect(addressOf([], "", [40, 60])).toBe("/traces?since=40&until=60");
  expect(addressOf([], "", [200, 220])).toBe("/traces?since=200&until=220");
  expect(tracesOf(new URLSearchParams(), "")([], "", [90, 120])).toBe("/traces?since=90&until=120");
});

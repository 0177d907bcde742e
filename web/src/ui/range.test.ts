import { expect, test } from "vitest";
import { msOf } from "./range";

test("an address names a moment or none", () => {
  expect(msOf("1790000000000")).toBe(1790000000000);
  for (const text of [null, "", "abc", "-5", "9e99", "1.5", "999999999999999", "Infinity"])
    expect(msOf(text)).toBeNull();
});

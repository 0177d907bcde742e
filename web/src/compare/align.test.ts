import { expect, test } from "vitest";
import type { LightSpan } from "../api/types";
import { buildTree } from "../trace/tree";
import { align } from "./align";

let time = 0;
const span = (span_id: string, parent_id: string | null, name = span_id): LightSpan => ({
  span_id,
  parent_id,
  name,
  type: "CHAIN",
  status: "OK",
  start_ns: time++,
  duration_ns: 1,
});

const names = (spansA: LightSpan[], spansB: LightSpan[]) =>
  align(buildTree(spansA, 0), buildTree(spansB, 0)).map(
    ({ a, b, depth }) => `${depth} ${a?.span.name ?? "-"} ${b?.span.name ?? "-"}`,
  );

test("steps are paired by name, and what one trace lacks stands alone", () => {
  const a = [span("r", null), span("search", "r"), span("ask", "r"), span("parse", "r")];
  const b = [span("R", null), span("ask", "R"), span("retry", "R"), span("parse", "R")];
  expect(names(a, b)).toEqual(["0 r R", "1 search -", "1 ask ask", "1 - retry", "1 parse parse"]);
});

test("calls of two models are one step, whatever they are called", () => {
  const ask = (name: string, parent: string) => ({ ...span(name, parent), model: name });
  expect(names([span("r", null), ask("gpt-4o", "r")], [span("R", null), ask("llama", "R")])).toEqual([
    "0 r R",
    "1 gpt-4o llama",
  ]);
});

test("what is below a step that stands alone stands alone too", () => {
  const a = [span("r", null), span("x", "r"), span("y", "x")];
  expect(names(a, [span("r2", null, "r")])).toEqual(["0 r r", "1 x -", "2 y -"]);
});

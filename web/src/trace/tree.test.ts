import { expect, test } from "vitest";
import type { LightSpan } from "../api/types";
import { barEnd, buildTree, everyRow, isLeader, usageBelow, visibleRows } from "./tree";

const span = (span_id: string, parent_id: string | null, more: Partial<LightSpan> = {}): LightSpan => ({
  span_id,
  parent_id,
  name: span_id,
  type: "CHAIN",
  status: "OK",
  start_ns: 0,
  duration_ns: 1,
  ...more,
});

test("children stand below their parents in the order of their starts", () => {
  const tree = buildTree([span("b", "r", { start_ns: 2 }), span("a", "r", { start_ns: 1 }), span("r", null)], 0);
  expect(everyRow(tree).map((node) => `${node.depth}${node.span.span_id}`)).toEqual(["0r", "1a", "1b"]);
  expect(visibleRows(tree, new Set(["r"]), new Set()).length).toBe(1);
});

test("a parent that is not there, or a circle of parents, loses no span", () => {
  const tree = buildTree([span("orphan", "gone"), span("x", "y"), span("y", "x"), span("self", "self")], 0);
  expect(
    everyRow(tree)
      .map((node) => node.span.span_id)
      .sort(),
  ).toEqual(["orphan", "self", "x", "y"]);
});

test("a failure is known at every step above it", () => {
  const tree = buildTree([span("r", null), span("a", "r"), span("b", "a", { status: "ERROR" }), span("c", "r")], 0);
  expect([...tree.byId.values()].filter((node) => node.hasErrorBelow).map((node) => node.span.span_id)).toEqual([
    "r",
    "a",
  ]);
});

test("tokens are counted at the topmost steps that have them", () => {
  const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
  const tree = buildTree(
    [span("r", null), span("agent", "r", { usage }), span("call", "agent", { usage }), span("other", "r", { usage })],
    0,
  );
  const root = tree.roots[0];
  expect(root?.tokens).toBe(30);
  expect(root && usageBelow(root).total).toBe(30);
});

const TOKENS = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
const priced = (total_cost: number) => ({ usage: TOKENS, cost: { total_cost } });
const sums = (...spans: LightSpan[]) =>
  Object.fromEntries(everyRow(buildTree(spans, 0)).map(({ span, tokens, cost }) => [span.span_id, [tokens, cost]]));

test("the cost of a call below one without a price counts, its tokens do not", () => {
  const outer = span("outer", "r", { type: "LLM", usage: TOKENS });
  expect(sums(span("r", null), outer, span("inner", "outer", { type: "LLM", ...priced(2) }))).toEqual({
    r: [15, 2],
    outer: [15, 2],
    inner: [15, 2],
  });
});

test("a cost counts unless a step above it has one, with tokens or without", () => {
  expect(
    sums(
      span("r", null),
      span("paid", "r", { cost: { total_cost: 3 } }),
      span("call", "paid", priced(2)),
      span("other", "r", priced(1)),
    ),
  ).toEqual({ r: [30, 4], paid: [15, 3], call: [15, 2], other: [15, 1] });
});

test("an agent that adds up the tokens of its calls has their cost", () => {
  const usage = { input_tokens: 20, output_tokens: 10, total_tokens: 30 };
  expect(
    sums(span("agent", null, { type: "AGENT", usage }), span("a", "agent", priced(2)), span("b", "agent", priced(1))),
  ).toEqual({ agent: [30, 3], a: [15, 2], b: [15, 1] });
});

test("thousands of spans in one deep chain are no problem", () => {
  const spans = Array.from({ length: 20_000 }, (_, index) => span(`s${index}`, index ? `s${index - 1}` : null));
  expect(everyRow(buildTree(spans, 0)).at(-1)?.depth).toBe(19_999);
});

test("the bar of a step that runs ends where the last step below it ends, though this clock is behind", () => {
  const running = span("r", null, { status: "IN_PROGRESS", duration_ns: null });
  const tree = buildTree([running, span("a", "r", { start_ns: 50, duration_ns: 10 })], 20);
  expect(barEnd(running, tree, 20)).toBe(60);
  expect(barEnd(running, tree, 90)).toBe(90);
});

test("many siblings of one name are one row until they are opened", () => {
  const loop = Array.from({ length: 40 }, (_, index) => [
    span(`embed ${index}`, "r", { name: "embed", start_ns: index * 10, duration_ns: index + 1 }),
    span(`store ${index}`, "r", { name: "store", start_ns: index * 10 + 5, status: index === 7 ? "ERROR" : "OK" }),
    span(`below ${index}`, `store ${index}`, { start_ns: index * 10 + 5 }),
  ]).flat();
  const tree = buildTree([span("r", null), ...loop, span("last", "r", { start_ns: 999 })], 0);
  const rows = (opened: string[]) => visibleRows(tree, new Set(), new Set(opened)).map((node) => node.span.span_id);
  expect(rows([])).toEqual(["r", "embed 0", "store 0", "last"]);
  expect(rows(["fold:embed 0"]).length).toBe(43);
  const [embed, store] = ["embed 0", "store 3"].map((id) => tree.byId.get(id));
  expect(embed?.fold).toMatchObject({ p50: 20, p95: 38, failed: 0, start: 0, end: 430 });
  expect([store?.fold?.failed, embed && isLeader(embed), store && isLeader(store)]).toEqual([1, true, false]);
});

test("the bar of a step that was cut ends where the trace was last heard of", () => {
  const cut = span("cut", "r", { status: "INTERRUPTED", duration_ns: null, start_ns: 5 });
  const tree = buildTree(
    [
      span("r", null, { status: "INTERRUPTED", duration_ns: null }),
      cut,
      span("a", "r", { start_ns: 7, duration_ns: 4 }),
    ],
    99,
  );
  expect(barEnd(cut, tree, 99)).toBe(11);
});

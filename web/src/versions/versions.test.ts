import { expect, test } from "vitest";
import type { Version } from "../api/types";
import { appsOf, baseOf, stemOf } from "./apps";
import { changeOf, FIGURES, feedbackFigures } from "./figures";

function version(name: string, fields: Partial<Version> = {}): Version {
  return {
    model_id: name,
    name,
    created_ns: null,
    trace_count: 24,
    error_count: 0,
    first_ns: 1,
    last_ns: 2,
    usage: null,
    cost: null,
    latency_ns: null,
    models: [],
    feedback: [],
    trace_name: null,
    uncertainty: {},
    ...fields,
  };
}

test("the app of a version is its name without the version", () => {
  const names = [
    "shop-agent-v2",
    "shop-agent-1.2.3",
    "shop-agent@9f3c2a1",
    "shop agent 12",
    "shop-agent",
    "v2",
    "shop_v1",
  ];
  expect(names.map(stemOf)).toEqual(["shop-agent", "shop-agent", "shop-agent", "shop agent", "shop-agent", "", "shop"]);
});

test("versions are grouped by app, each against the one before", () => {
  const [a, b, c, d] = [
    version("shop-v1", { first_ns: 9, created_ns: 1 }),
    version("bill-v1", { first_ns: 2, trace_name: "billing", last_ns: 9 }),
    version("shop-v2", { first_ns: 3 }),
    version("baseline", { first_ns: 4, trace_name: "billing" }),
  ];
  const apps = appsOf([a, b, c, d]);
  expect(apps.map((app) => [app.name, app.versions.map((one) => one.name)])).toEqual([
    ["billing", ["baseline", "bill-v1"]],
    ["shop", ["shop-v2", "shop-v1"]],
  ]);
  const [, shop] = apps;
  if (!shop) throw new Error("no app");
  expect(baseOf(shop, c, undefined)).toBe(a);
  expect(baseOf(shop, a, undefined)).toBeNull();
  expect(baseOf(shop, a, c)).toBe(c);
});

test("what chance alone explains is told apart from a change", () => {
  const failed = FIGURES.find((figure) => figure.word === "Failed");
  if (!failed) throw new Error("no figure");
  const change = (errors: number, traces: number, before: number, of: number) => {
    const [now, then] = [
      version("b", { error_count: errors, trace_count: traces }),
      version("a", { error_count: before, trace_count: of }),
    ];
    return changeOf(failed, failed.of(now) ?? { value: 0, error: 0, n: 0 }, failed.of(then));
  };
  expect(change(1, 24, 1, 28)?.isChance).toBe(true);
  expect(change(12, 24, 1, 28)).toMatchObject({ isChance: false, isGood: false });
  expect(change(0, 24, 0, 28)).toBeNull();
  expect(change(8, 24, 0, 28)).toMatchObject({ by: null, isChance: false });
});

test("feedback says of how many scores it is, and texts are no part of a mean", () => {
  const given = {
    name: "tone",
    count: 12,
    mean: 0.5,
    deviation: 0.1,
    texts: [{ text: "curt", count: 2 }],
    is_share: false,
  };
  const one = version("a", { feedback: [given] });
  expect(feedbackFigures([one])[0]?.of(one)).toMatchObject({ value: 0.5, n: 10, of: "of 10" });
});

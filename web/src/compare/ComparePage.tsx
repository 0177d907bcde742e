// Two traces, step by step.

import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { CircleAlert } from "lucide-react";
import { type CSSProperties, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { request } from "../api/client";
import { wholeTrace } from "../api/queries";
import type { Trace, TraceAnswer, TracePage } from "../api/types";
import { count, duration, moment, money, percent, totalTokens } from "../format";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { buildTree, type Node } from "../trace/tree";
import { Problem } from "../ui/Problem";
import { TypeIcon } from "../ui/SpanType";
import { StateBadge } from "../ui/State";
import { useUrlState } from "../ui/url";
import { align, type Pair } from "./align";
import { traceDiff } from "./diff";
import { PairPanel } from "./PairPanel";
import { scoped } from "./scoped";

export default function ComparePage() {
  const [url, setUrl] = useUrlState();
  const [a, b] = [url.get("a"), url.get("b")];
  const left = useQuery({ ...wholeTrace(a ?? ""), enabled: a !== null });
  const right = useQuery({ ...wholeTrace(b ?? ""), enabled: b !== null });
  return (
    <div className="page compare">
      <header className="page-head">
        <h1>Compare</h1>
        <div className="page-tools">
          <Choice word="A" id={a} trace={left.data?.trace} onChange={(id) => setUrl({ a: id, a_step: null })} />
          <Choice word="B" id={b} trace={right.data?.trace} onChange={(id) => setUrl({ b: id, b_step: null })} />
        </div>
      </header>
      {[left, right].map((query) => query.isError && <Problem key={query.errorUpdatedAt} error={query.error} />)}
      {!(a && b) && <p className="dim page-note">Choose two traces, or mark two in the list with the key x.</p>}
      {left.data && right.data && (
        <Both
          a={scoped(left.data, url.get("a_step"))}
          b={scoped(right.data, url.get("b_step"))}
          isWhole={!url.get("a_step") && !url.get("b_step")}
        />
      )}
    </div>
  );
}

interface ChoiceProps {
  word: string;
  id: string | null;
  trace: Trace | undefined;
  onChange: (id: string) => void;
}

const nameOf = (trace: Trace) => `${moment(trace.start_ns)} ${trace.name ?? trace.trace_id.slice(0, 8)}`;

function Choice({ word, id, trace, onChange }: ChoiceProps) {
  const { data } = useQuery({
    queryKey: ["recent"],
    queryFn: () => request<TracePage>("/traces", { limit: 50 }),
    staleTime: 10_000,
  });
  const traces = data?.traces ?? [];
  const isListed = traces.some((trace) => trace.trace_id === id);
  return (
    <label className="choice">
      <span className={`side-mark side-${word.toLowerCase()}`}>{word}</span>
      <select
        className="field"
        aria-label={`Trace ${word}`}
        value={id ?? ""}
        onChange={(event) => onChange(event.target.value)}
      >
        <option value="">choose…</option>
        {id && !isListed && <option value={id}>{trace ? nameOf(trace) : id}</option>}
        {traces.map((trace) => (
          <option key={trace.trace_id} value={trace.trace_id}>
            {nameOf(trace)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Both({ a, b, isWhole }: { a: TraceAnswer; b: TraceAnswer; isWhole: boolean }) {
  const now = Date.now() * 1e6;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only running traces depend on the current time
  const rows = useMemo(() => align(buildTree(a.spans, now), buildTree(b.spans, now)), [a, b]);
  const [chosen, setChosen] = useState(0);
  const pair = rows[chosen] ?? rows[0];
  return (
    <>
      <Sums a={a.trace} b={b.trace} />
      {isWhole && <Parting a={a.trace} b={b.trace} rows={rows} onChoose={setChosen} />}
      <div className="compare-body">
        <PairList rows={rows} chosen={chosen} onChoose={setChosen} />
        {pair && (
          <ErrorBoundary key={chosen} part="This pair of steps">
            <PairPanel pair={pair} traceA={a.trace} traceB={b.trace} />
          </ErrorBoundary>
        )}
      </div>
    </>
  );
}

interface PartingProps {
  a: Trace;
  b: Trace;
  rows: Pair[];
  onChoose: (row: number) => void;
}

/** Where the traces part: the first step that was given, did or gave something else. */
function Parting({ a, b, rows, onChoose }: PartingProps) {
  const { data } = useQuery(traceDiff(a, b));
  if (!data) return null;
  const { first } = data;
  if (!first) return <p className="parting dim">They do not part: every step was given the same, and gave the same.</p>;
  const row = rows.findIndex(
    (pair) =>
      (first.a_span_id !== null && pair.a?.span.span_id === first.a_span_id) ||
      (first.b_span_id !== null && pair.b?.span.span_id === first.b_span_id),
  );
  return (
    <p className="parting">
      They part at{" "}
      {row < 0 ? (
        <b dir="auto">{first.step.join(" › ")}</b>
      ) : (
        <button type="button" className="link-button" onClick={() => onChoose(row)}>
          <bdi>{first.step.join(" › ")}</bdi>
        </button>
      )}
      : <span dir="auto">{first.text}</span>
    </p>
  );
}

type Fact = [string, (trace: Trace) => number | null, (value: number) => string];

const FACTS: Fact[] = [
  ["Duration", (trace) => trace.duration_ns, duration],
  ["Tokens", (trace) => totalTokens(trace.usage), count],
  ["Cost", (trace) => trace.cost?.total_cost ?? null, money],
  ["Steps", (trace) => trace.span_count, count],
  ["Failed steps", (trace) => trace.error_count, count],
];

function Sums({ a, b }: { a: Trace; b: Trace }) {
  return (
    <div className="table-scroll">
      <table className="plain num sums">
        <thead>
          <tr>
            <td />
            {FACTS.map(([word]) => (
              <th key={word} scope="col" className="right">
                {word}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[a, b].map((trace, index) => (
            <tr key={index ? "b" : "a"}>
              <th scope="row">
                <span className={`side-mark side-${index ? "b" : "a"}`}>{index ? "B" : "A"}</span>{" "}
                <Link href={`/traces/${trace.trace_id}`}>{trace.name ?? trace.trace_id}</Link>{" "}
                <StateBadge state={trace.state} />
              </th>
              {FACTS.map(([word, of, show]) => {
                const value = of(trace);
                return (
                  <td key={word} className="right nowrap">
                    {index === 1 && <span className="change dim">{change(of(a), value)}</span>}
                    {value === null ? "–" : show(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function change(x: number | null, y: number | null): string {
  if (x === null || y === null || x === y) return "";
  if (x === 0) return "new";
  if (y >= 10 * x) return `×${count(Math.round(y / x))}`;
  return `${y > x ? "+" : "−"}${percent(Math.abs(y / x - 1), 1)}`;
}

/** Names that differ, the second without the words that both begin with. */
function bothNames(a: Node, b: Node): string {
  const [x, y] = [a.span.name, b.span.name];
  if (x === y) return x;
  const words = y.split(" ");
  const same = words.findIndex((word, index) => word !== x.split(" ")[index]);
  return `${x} → ${words.slice(Math.max(0, same)).join(" ")}`;
}

function Time({ of }: { of: Node | null }) {
  const isFailed = of?.span.status === "ERROR";
  return (
    <span className={`num right ${isFailed ? "bad" : ""}`} title={isFailed ? "This step failed" : undefined}>
      {isFailed && <CircleAlert aria-label="failed" className="icon" />} {of ? duration(of.span.duration_ns) : ""}
    </span>
  );
}

function PairList({ rows, chosen, onChoose }: { rows: Pair[]; chosen: number; onChoose: (index: number) => void }) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 30,
    overscan: 12,
  });
  const choose = (index: number) => {
    const at = Math.min(rows.length - 1, Math.max(0, index));
    onChoose(at);
    virtual.scrollToIndex(at, { align: "auto" });
  };
  return (
    <section className="pairs" aria-label="Steps of both">
      <div className="pair-row pair-head" aria-hidden="true">
        <span>Step</span>
        <span className="right">A</span>
        <span className="right">B</span>
        <span className="right">Change</span>
      </div>
      <div
        ref={scroller}
        className="pair-list"
        role="listbox"
        aria-label="Steps"
        tabIndex={0}
        aria-activedescendant={`pair-${chosen}`}
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 15, PageUp: -15 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          choose(chosen + by);
        }}
      >
        <div role="presentation" className="virtual-space" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const { a, b, depth } = rows[item.index] as Pair;
            const node = (b ?? a) as Node;
            const only = a && b ? "" : a ? "only-a" : "only-b";
            return (
              <div
                key={item.key}
                id={`pair-${item.index}`}
                role="option"
                aria-selected={item.index === chosen}
                className={`pair-row ${only} ${item.index === chosen ? "selected" : ""}`}
                style={{ transform: `translateY(${item.start}px)`, "--depth": Math.min(depth, 20) } as CSSProperties}
                onClick={() => onChoose(item.index)}
              >
                <span className="pair-name" title={a && b ? bothNames(a, b) : undefined}>
                  <TypeIcon type={node.span.type} /> <bdi>{a && b ? bothNames(a, b) : node.span.name}</bdi>
                  {only && <span className="badge">only in {a ? "A" : "B"}</span>}
                </span>
                <Time of={a} />
                <Time of={b} />
                <span className="num right dim">
                  {a && b ? change(a.span.duration_ns ?? null, b.span.duration_ns ?? null) : ""}
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

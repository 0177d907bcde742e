// One trace: its summary, its steps, and the content of the selected step.

import {
  ArrowLeft,
  ChevronDown,
  ChevronsDownUp,
  ChevronsUpDown,
  ChevronUp,
  CircleAlert,
  CircleDashed,
  Search,
  Trash2,
  Unplug,
  X,
} from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { duration } from "../format";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { Splitter } from "../ui/Splitter";
import { useUrlState } from "../ui/url";
import { NotableSteps } from "./NotableSteps";
import { listAddress } from "./neighbours";
import { SpanPanel } from "./SpanPanel";
import { SpanTree } from "./SpanTree";
import { TraceHead } from "./TraceHead";
import { ancestors, buildTree, everyRow, isLeader, type Node, type Tree, visibleRows } from "./tree";
import { useFindings } from "./useFindings";
import { useTrace } from "./useTrace";

export default function TracePage({ traceId }: { traceId: string }) {
  const query = useTrace(traceId);
  const [, navigate] = useLocation();
  useKeys({ Escape: () => navigate(listAddress()) });
  if (query.isPending) return <Loading isUnanswered={query.failureCount > 0} />;
  if (query.isError)
    return (
      <div className="page-empty">
        <h1>This trace cannot be shown</h1>
        <Problem error={query.error} retry={() => void query.refetch()} />
        <p>
          <Link href={listAddress()} className="button">
            <ArrowLeft aria-hidden /> All traces
          </Link>
        </p>
      </div>
    );
  return <Loaded key={traceId} answer={query.data} isGone={query.isGone} />;
}

function Loading({ isUnanswered }: { isUnanswered: boolean }) {
  return (
    <div className="trace-loading" aria-busy="true">
      {isUnanswered ? (
        <p className="notice warn" role="alert">
          <Unplug aria-hidden /> The server does not answer. Trying again…
        </p>
      ) : (
        <p className="visually-hidden" role="status">
          Loading the trace
        </p>
      )}
      {[60, 40, 52, 34, 46, 28].map((width) => (
        <div key={width} className="skeleton" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

type Answer = NonNullable<ReturnType<typeof useTrace>["data"]>;

function Loaded({ answer, isGone }: { answer: Answer; isGone: boolean }) {
  const { trace, spans } = answer;
  const [url, setUrl] = useUrlState();
  const now = useNow(trace.state === "IN_PROGRESS");
  const tree = useMemo(() => buildTree(spans, now), [spans, now]);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(() => new Set());
  const [folds, setFolds] = useState<ReadonlySet<string>>(() => new Set());
  const rows = useMemo(() => visibleRows(tree, collapsed, folds), [tree, collapsed, folds]);
  const asked = url.get("span");
  const search = url.get("find") ?? "";
  const found = useFindings(trace.trace_id, trace.seq, tree, search);
  const findings = useMemo(
    () => (found ? everyRow(tree).filter((node) => found.has(node.span.span_id)) : []),
    [found, tree],
  );
  // a page that was opened by a search begins with what was found
  const [openedBy] = useState(asked ? "" : search);
  const start = openedBy && openedBy === search ? findings[0] : undefined;
  const selected = asked && tree.byId.has(asked) ? asked : ((start ?? tree.roots[0])?.span.span_id ?? null);
  const isReading = Boolean(asked);

  const reach = useCallback(
    (spanId: string) => {
      setCollapsed((now) => opened(now, tree, spanId));
      setFolds((now) => unfolded(now, tree, spanId));
    },
    [tree],
  );
  const select = useCallback(
    (spanId: string) => {
      reach(spanId);
      setUrl({ span: spanId }, true);
    },
    [setUrl, reach],
  );
  const toggleFold = useCallback(
    (foldId: string) =>
      setFolds((now) => {
        const next = new Set(now);
        if (!next.delete(foldId)) next.add(foldId);
        return next;
      }),
    [],
  );
  const toggle = useCallback(
    (spanId: string, everything = false) => setCollapsed((now) => toggled(now, tree, spanId, everything)),
    [tree],
  );
  const jump = (steps: Node[], by: number) => {
    const all = everyRow(tree);
    const at = all.findIndex((node) => node.span.span_id === selected);
    const wanted = new Set(steps);
    for (let offset = 1; offset <= all.length; offset++) {
      const node = all[(at + by * offset + all.length * offset) % all.length];
      if (node && wanted.has(node)) return select(node.span.span_id);
    }
  };
  const errors = useMemo(() => everyRow(tree).filter((node) => node.span.status === "ERROR"), [tree]);
  const reveal = useReveal(findings, selected, search);
  useEffect(() => {
    if (reveal) reach(reveal);
  }, [reveal, reach]);
  // a step of the address, or the one that a search began with, may be in a fold
  const isHidden = selected !== null && !rows.some((row) => row.span.span_id === selected);
  // biome-ignore lint/correctness/useExhaustiveDependencies: folding and closing above the selected step must stay possible
  useEffect(() => {
    if (selected && isHidden) reach(selected);
  }, [selected]);
  const box = useRef<HTMLInputElement>(null);
  const at = rows.findIndex((row) => row.span.span_id === selected);
  const move = (by: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (row) select(row.span.span_id);
  };
  useKeys({
    "/": () => box.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    e: () => jump(errors, 1),
    E: () => jump(errors, -1),
    n: () => jump(findings, 1),
    N: () => jump(findings, -1),
  });

  const steps = (
    <section className="steps" aria-label="Steps">
      <div className="steps-bar">
        <div className="search-field">
          <Search aria-hidden className="icon" />
          <input
            ref={box}
            type="search"
            value={search}
            placeholder="Find a step, or what was said"
            aria-label="Find in this trace"
            onChange={(event) => setUrl({ find: event.target.value }, true)}
            onKeyDown={(event) => {
              if (event.key === "Enter") jump(findings, event.shiftKey ? -1 : 1);
              if (event.key === "Escape") event.currentTarget.blur();
            }}
          />
          {found && (
            <span className="dim num" role="status">
              {findings.length} found
            </span>
          )}
        </div>
        {errors.length > 0 && (
          <span className="jump">
            <span className="badge error">
              <CircleAlert aria-hidden /> {errors.length}
            </span>
            <button
              type="button"
              className="button quiet square"
              aria-label="Previous error"
              title="Previous error (E)"
              onClick={() => jump(errors, -1)}
            >
              <ChevronUp aria-hidden />
            </button>
            <button
              type="button"
              className="button quiet square"
              aria-label="Next error"
              title="Next error (e)"
              onClick={() => jump(errors, 1)}
            >
              <ChevronDown aria-hidden />
            </button>
          </span>
        )}
        <button
          type="button"
          className="button quiet square"
          aria-label={collapsed.size ? "Open all steps" : "Close all steps"}
          title={collapsed.size ? "Open all steps" : "Close all steps"}
          onClick={() => setCollapsed(collapsed.size ? new Set() : closedAll(tree))}
        >
          {collapsed.size ? <ChevronsUpDown aria-hidden /> : <ChevronsDownUp aria-hidden />}
        </button>
      </div>
      <NotableSteps tree={tree} onSelect={select} />
      <SpanTree
        tree={tree}
        rows={rows}
        collapsed={collapsed}
        folds={folds}
        selected={selected}
        found={found}
        reveal={reveal}
        now={now}
        onSelect={select}
        onOpen={select}
        onToggle={toggle}
        onFold={toggleFold}
      />
    </section>
  );
  const node = selected ? tree.byId.get(selected) : undefined;
  return (
    <div className={`trace-page ${isReading ? "is-reading" : ""}`}>
      <TraceHead trace={trace} resource={answer.resource} />
      {isGone && (
        <div className="notice warn" role="alert">
          <Trash2 aria-hidden />
          <span>
            <strong>Deleted.</strong> Somebody deleted this trace while it was on screen; what is here is no longer in
            the store. <Link href={listAddress()}>All traces</Link>
          </span>
        </div>
      )}
      {trace.state === "INTERRUPTED" && (
        <div className="notice warn">
          <CircleDashed aria-hidden />
          <span>
            <strong>Interrupted.</strong> The process that ran this ended before the trace did
            {trace.duration_ns ? `, after ${duration(trace.duration_ns)}` : ""}. What had happened by then is here.
          </span>
        </div>
      )}
      <Splitter
        name="trace"
        label="Width of the steps"
        initial={46}
        first={steps}
        second={
          node ? (
            <>
              <button type="button" className="button quiet back-to-steps" onClick={() => setUrl({ span: null })}>
                <X aria-hidden /> Close
              </button>
              <SpanPanel key={node.span.span_id} trace={trace} node={node} tree={tree} onSelect={select} />
            </>
          ) : (
            <p className="dim pad">No step has been recorded yet.</p>
          )
        }
      />
    </div>
  );
}

/** The first match of a search, unless it is selected already; it stays as long as the search. */
function useReveal(findings: Node[], selected: string | null, search: string): string | null {
  const [revealed, setRevealed] = useState<{ search: string; id: string | null }>({ search: "", id: null });
  const isSelectedFound = findings.some((node) => node.span.span_id === selected);
  const first = isSelectedFound ? null : (findings[0]?.span.span_id ?? null);
  if (revealed.search !== search || (revealed.id === null && first !== null)) setRevealed({ search, id: first });
  return revealed.search === search ? revealed.id : null;
}

/** The current time in ns, updated while a step runs. */
function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(() => Date.now() * 1e6);
  useEffect(() => {
    if (!isRunning) return;
    const timer = window.setInterval(() => setNow(Date.now() * 1e6), 1000);
    return () => window.clearInterval(timer);
  }, [isRunning]);
  return now;
}

function opened(collapsed: ReadonlySet<string>, tree: Tree, spanId: string): ReadonlySet<string> {
  const hiding = ancestors(tree.byId.get(spanId)).filter((node) => collapsed.has(node.span.span_id));
  if (!hiding.length) return collapsed;
  const next = new Set(collapsed);
  for (const node of hiding) next.delete(node.span.span_id);
  return next;
}

function unfolded(folds: ReadonlySet<string>, tree: Tree, spanId: string): ReadonlySet<string> {
  const node = tree.byId.get(spanId);
  const hiding = ancestors(node).flatMap(({ fold }) => (fold ? [fold.id] : []));
  if (node?.fold && !isLeader(node)) hiding.push(node.fold.id);
  return hiding.every((id) => folds.has(id)) ? folds : new Set([...folds, ...hiding]);
}

function toggled(collapsed: ReadonlySet<string>, tree: Tree, spanId: string, everything: boolean): ReadonlySet<string> {
  const next = new Set(collapsed);
  const isClosing = !next.has(spanId);
  const stack = [tree.byId.get(spanId)];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (isClosing && node.children.length) next.add(node.span.span_id);
    else next.delete(node.span.span_id);
    if (everything) stack.push(...node.children);
  }
  return next;
}

function closedAll(tree: Tree): ReadonlySet<string> {
  return new Set(
    everyRow(tree)
      .filter((node) => node.depth > 0 && node.children.length)
      .map((node) => node.span.span_id),
  );
}

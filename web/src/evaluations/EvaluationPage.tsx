// One evaluation: its rows and scores, alone or beside those of another one.

import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowLeft, Clock, Coins, ListTree, Timer } from "lucide-react";
import { useCallback, useRef } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { DatasetLink } from "../datasets/DatasetLink";
import { count, duration, fullTime, moment, money, plural } from "../format";
import { traceAddress } from "../trace/neighbours";
import { condition } from "../traces/conditions";
import { FilterBox } from "../traces/FilterBox";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { Segments } from "../ui/Segments";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { type Evaluation, type EvaluationRows, evaluationList, evaluationRows, type Kind } from "./api";
import "./evaluations.css";
import { Matrix } from "./Matrix";
import { RowPanel } from "./RowPanel";
import { evaluationAddress, RunStatus, Versions } from "./RunTable";
import { ScoreHead } from "./scores";

const KINDS: [Kind, string][] = [
  ["all", "All"],
  ["failing", "Failing"],
  ["worse", "Worse"],
  ["better", "Better"],
  ["same", "Same"],
  ["only", "In one only"],
];
const OF_ONE_RUN = 2;

export default function EvaluationPage({ runId }: { runId: string }) {
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const base = url.get("base");
  const filter = url.get("filter") ?? "";
  const show = (KINDS.find(([kind]) => kind === url.get("show"))?.[0] ?? "all") as Kind;
  const firstOrder = base ? "worse desc" : "row asc";
  const order = url.get("order") ?? firstOrder;
  const query = useInfiniteQuery(evaluationRows(runId, { base, filter, show, order }));
  const [first] = query.data?.pages ?? [];
  const isRunning = first?.evaluation.status === "RUNNING";
  useChanges(() => void query.refetch(), 5_000, isRunning);
  const isNarrow = useMedia("(max-width: 720px)");
  const box = useRef<HTMLInputElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const active = rows.findIndex((row) => row.id === url.get("row"));
  const choose = useCallback((index: number) => setUrl({ row: rows[index]?.id ?? null }, true), [rows, setUrl]);
  const move = (by: number) => choose(Math.min(rows.length - 1, Math.max(0, active + by)));
  const sortBy = (next: string) => setUrl({ order: next === firstOrder ? null : next });
  const fetchNextPage = query.fetchNextPage;
  const canFetch = query.hasNextPage && !query.isFetchingNextPage && !query.isError;
  const more = useCallback(() => {
    if (canFetch) void fetchNextPage();
  }, [canFetch, fetchNextPage]);
  const page = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / 33) - 3);
  useKeys({
    "/": () => box.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(page()),
    PageUp: () => move(-page()),
    Home: () => choose(0),
    End: () => choose(rows.length - 1),
    Escape: () => (active >= 0 ? choose(-1) : navigate("/evaluations")),
    ...(active >= 0 &&
      isOnRow() && {
        Enter: () => {
          const traceId = rows[active]?.answer.trace_id;
          if (traceId) navigate(traceAddress(traceId, null));
        },
      }),
  });
  const isSyntax = query.error instanceof ApiError && query.error.code === "filter_syntax";
  if (!first && query.isError && !isSyntax)
    return (
      <div className="page-empty">
        <h1>This evaluation cannot be shown</h1>
        <Problem error={query.error} retry={() => void query.refetch()} />
        <p>
          <Link href="/evaluations">All evaluations</Link>
        </p>
      </div>
    );
  const row = rows[active];
  return (
    <div className="traces-page evaluation-page">
      {first ? (
        <Head answer={first} onBase={(id) => setUrl({ base: id || null, order: null, show: null, row: null })} />
      ) : (
        <h1 className="visually-hidden">Evaluation</h1>
      )}
      <div className="toolbar">
        <FilterBox
          value={filter}
          error={query.error}
          onChange={(text) => setUrl({ filter: text })}
          box={box}
          label="Search and filter rows"
        />
        {first && (
          <Segments
            label="Rows"
            value={show}
            options={KINDS.slice(0, base ? KINDS.length : OF_ONE_RUN).map(
              ([kind, word]) => [kind, `${word} ${count(first.counts[kind])}`] as const,
            )}
            onChange={(kind) => setUrl({ show: kind === "all" ? null : kind })}
          />
        )}
        <button
          type="button"
          className="button"
          aria-pressed={order === "failing desc"}
          onClick={() => sortBy(order === "failing desc" ? firstOrder : "failing desc")}
        >
          Failing first
        </button>
        {base && (
          <button
            type="button"
            className="button"
            aria-pressed={order === "worse desc"}
            onClick={() => sortBy(order === "worse desc" ? "row asc" : "worse desc")}
          >
            Worse first
          </button>
        )}
      </div>
      {query.isError && !isSyntax && <Problem error={query.error} retry={() => void query.refetch()} />}
      {first && isNarrow && <Sums answer={first} />}
      <div className="list-body">
        {!first && !query.isError && <p className="pad dim">Loading…</p>}
        {first && rows.length === 0 && (
          <div className="page-empty">
            <h2>{filter || show !== "all" ? "No row fits" : "No rows yet"}</h2>
            {filter || show !== "all" ? (
              <button type="button" className="button" onClick={() => setUrl({ filter: null, show: null })}>
                Show all rows
              </button>
            ) : (
              <p>{isRunning ? "They come in as they are answered." : "The traces of this run are gone."}</p>
            )}
          </div>
        )}
        {first && rows.length > 0 && (
          <Matrix
            answer={first}
            rows={rows}
            order={order}
            active={active}
            hasMore={query.hasNextPage}
            isNarrow={isNarrow}
            scroller={scroller}
            onOrder={sortBy}
            onChoose={choose}
            onMore={more}
          />
        )}
        {row && (
          <RowPanel
            key={row.id}
            row={row}
            names={{ run: first?.evaluation.name ?? "", base: first?.base?.name ?? "" }}
            onClose={() => choose(-1)}
          />
        )}
      </div>
    </div>
  );
}

function Head({ answer, onBase }: { answer: EvaluationRows; onBase: (runId: string) => void }) {
  const { evaluation: run, base, comparison } = answer;
  return (
    <header className="trace-head">
      <div className="trace-title">
        <Link
          href="/evaluations"
          className="button quiet square"
          aria-label="All evaluations"
          title="All evaluations (Esc)"
        >
          <ArrowLeft aria-hidden />
        </Link>
        <h1 dir="auto" title={run.run_id}>
          {run.name}
        </h1>
        <RunStatus status={run.status} />
        <div className="trace-actions">
          <Base run={run} base={base} onBase={onBase} />
          <Link
            className="button quiet"
            aria-label="Traces"
            href={`/traces?${new URLSearchParams({ filter: condition("run_id", run.run_id) })}`}
          >
            <ListTree aria-hidden /> <span className="wide-only">Traces</span>
          </Link>
        </div>
      </div>
      <dl className="facts num">
        <Fact name="Version">
          <Versions run={run} />
        </Fact>
        <Fact name="Dataset">
          {run.dataset && (
            <>
              dataset <DatasetLink name={run.dataset} />
            </>
          )}
        </Fact>
        <Fact name="Rows">
          {plural(run.row_count, "row")}
          {run.expected_rows !== null && run.expected_rows > run.row_count && ` of ${count(run.expected_rows)}`}
        </Fact>
        <Fact name="Failed">
          {run.failed_count > 0 && <span className="bad">{count(run.failed_count)} failed</span>}
        </Fact>
        <Fact name="Latency">
          {run.latency_ns && (
            <>
              <Timer aria-hidden /> {duration(run.latency_ns.p50)}, p95 {duration(run.latency_ns.p95)}
            </>
          )}
        </Fact>
        <Fact name="Cost">
          {run.cost && (
            <>
              <Coins aria-hidden /> {money(run.cost.total_cost)}
            </>
          )}
        </Fact>
        <Fact name="Started" title={fullTime(run.started_ns)}>
          <Clock aria-hidden /> {moment(run.started_ns)}
        </Fact>
        {Object.entries(run.params).map(([key, value]) => (
          <Fact key={key} name={`Param ${key}`}>
            <span className="badge long-id" title={`${key}: ${value}`}>
              {key}: {value}
            </span>
          </Fact>
        ))}
        {Object.entries(run.tags)
          .filter(([key]) => !key.startsWith("tracer."))
          .map(([key, value]) => (
            <Fact key={key} name={`Tag ${key}`}>
              <span className="badge long-id" title={`${key}: ${value}`}>
                {key}: {value}
              </span>
            </Fact>
          ))}
      </dl>
      {base && comparison && (
        <p className="compared num">
          Against <Link href={evaluationAddress(base.run_id)}>{base.name}</Link> of {moment(base.started_ns)}
          {base.versions.length > 0 && (
            <>
              {" "}
              (<Versions run={base} />)
            </>
          )}
          : {plural(comparison.joined, "row")} in both
          {comparison.only_in_run > 0 && `, ${count(comparison.only_in_run)} only here`}
          {comparison.only_in_base > 0 && `, ${count(comparison.only_in_base)} only there`}. A difference that may be
          chance (p above 0.05) is grey.
        </p>
      )}
    </header>
  );
}

function Fact({ name, title, children }: { name: string; title?: string; children: React.ReactNode }) {
  if (!children || (Array.isArray(children) && !children.some(Boolean))) return null;
  return (
    <div title={title}>
      <dt className="visually-hidden">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface BaseProps {
  run: Evaluation;
  base: Evaluation | null;
  onBase: (runId: string) => void;
}

/** Runs on the same dataset come first. */
function Base({ run, base, onBase }: BaseProps) {
  const { data } = useInfiniteQuery(evaluationList(""));
  const others = (data?.pages.flatMap((page) => page.evaluations) ?? []).filter((each) => each.run_id !== run.run_id);
  const listed = base && !others.some((each) => each.run_id === base.run_id) ? [...others, base] : others;
  const same = listed.filter((each) => each.dataset !== null && each.dataset === run.dataset);
  const rest = listed.filter((each) => !same.includes(each));
  const option = (each: Evaluation) => (
    <option key={each.run_id} value={each.run_id}>
      {each.name}, {moment(each.started_ns)}
    </option>
  );
  return (
    <label className="dim base-choice">
      <span className="wide-only">Compare with</span>
      <select
        className="field"
        aria-label="Compare with"
        value={base?.run_id ?? ""}
        onChange={(event) => onBase(event.target.value)}
      >
        <option value="">no other run</option>
        {same.length > 0 && <optgroup label="On the same dataset">{same.map(option)}</optgroup>}
        {rest.length > 0 && <optgroup label="Other runs">{rest.map(option)}</optgroup>}
      </select>
    </label>
  );
}

/** The scores of the run, where no table has them as its head. */
function Sums({ answer }: { answer: EvaluationRows }) {
  return (
    <dl className="score-sums num">
      {answer.evaluation.scores.map((sums) => (
        <div key={sums.name}>
          <dt>{sums.name}</dt>
          <dd>
            <ScoreHead
              sums={sums}
              compared={answer.comparison?.scores.find((compared) => compared.name === sums.name)}
            />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A focused button or link handles Enter itself. */
function isOnRow(): boolean {
  const focused = document.activeElement;
  return !focused || focused === document.body || focused.getAttribute("role") === "grid" || focused.id === "main";
}

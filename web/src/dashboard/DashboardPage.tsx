// Calls, errors, latency, tokens and cost over time.

import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { histogram, refreshAll, statistics } from "../api/queries";
import type { Statistics, StatisticsGroup } from "../api/types";
import { count, duration, money, percent, plural, roundMoney, shortCount } from "../format";
import { FilterBox } from "../traces/FilterBox";
import { GetStarted } from "../traces/GetStarted";
import { useKeys } from "../ui/keys";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { Segments } from "../ui/Segments";
import { useTheme } from "../ui/theme";
import { useUrlState } from "../ui/url";
import { useVersionName } from "../versions/details";
import { ChartView, colours, shortened } from "./ChartView";
import { failedCondition, GROUPS, type Group, type TracesOf, tracesOf } from "./links";
import { type Chart, chartOf, type Metric, stepFor } from "./series";
import { FeedbackTable, GroupTable, ToolTable } from "./Tables";

const PERCENTILES = [
  ["p50", "p50"],
  ["p95", "p95"],
  ["p99", "p99"],
] as const;

type Percentile = (typeof PERCENTILES)[number][0];

const calls: Metric = (row) => row.calls;
const errors: Metric = (row) => row.errors;
const tokens: Metric = (row) => row.input_tokens + row.output_tokens;
const cost: Metric = (row) => row.cost ?? 0;
const latency: Record<Percentile, Metric> = {
  p50: (row) => row.latency_ns.p50,
  p95: (row) => row.latency_ns.p95,
  p99: (row) => row.latency_ns.p99,
};

export default function DashboardPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const group = (GROUPS.find(([id]) => id === url.get("by"))?.[0] ?? "model") as Group;
  const percentile = (PERCENTILES.find(([id]) => id === url.get("latency"))?.[0] ?? "p95") as Percentile;
  const range = useQuery(histogram(selection, 80));
  const found = range.data;
  // of the time that is asked for, where it has two ends: that of the answer before would give a chart in other steps
  const time = selection.since_ns && selection.until_ns ? selection : found;
  const length = time?.since_ns && time.until_ns ? time.until_ns - time.since_ns : null;
  const query = useQuery({
    ...statistics(selection, group, length === null ? null : stepFor(length)),
    enabled: length !== null,
  });
  const firstChunks = useQuery({
    ...statistics(selection, group, query.data?.interval_ns ?? null, "first_chunk"),
    enabled: Boolean(query.data?.interval_ns),
  });
  const sums = useQuery({ ...statistics(selection, "none", null), enabled: length !== null });
  useChanges(refreshAll, 3_000);
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  if (
    range.isSuccess &&
    found &&
    !found.buckets.length &&
    !selection.since_ns &&
    !selection.until_ns &&
    !selection.filter
  )
    return <GetStarted onRefresh={refreshAll} hasNewTraces={false} />;
  const addressOf = tracesOf(url, selection.filter);
  const problem = range.error ?? query.error;
  return (
    <div className="page">
      <PageHead title="Dashboard" url={url} onChange={setUrl}>
        <Segments
          label="Group by"
          value={group}
          options={GROUPS}
          onChange={(by) => setUrl({ by: by === "model" ? null : by }, true)}
        />
        <Link className="button quiet" href={`/audit?${auditedBy(url)}`} title="What was spent without need">
          Audit
        </Link>
      </PageHead>
      <div className="toolbar page-filter">
        <FilterBox
          value={selection.filter}
          error={problem}
          onChange={(filter) => setUrl({ filter })}
          box={box}
          label="Filter the dashboard"
        />
      </div>
      {problem && !(problem instanceof ApiError && problem.code === "filter_syntax") ? (
        <Problem error={problem} retry={() => void query.refetch()} />
      ) : null}
      {found && !found.buckets.length && <p className="dim page-note">No traces in this time.</p>}
      {sums.data && found && (
        <Tiles
          traces={found.count}
          failed={found.buckets.reduce((sum, bucket) => sum + bucket.errors, 0)}
          sums={sums.data.groups[0]}
          addressOf={addressOf}
        />
      )}
      {query.data && (
        <>
          <div className="chart-line">
            <Legend groups={chartOf(query.data, calls, true).groups} isVersion={group === "version"} />
            <Segments
              label="Percentile of the latencies"
              value={percentile}
              options={PERCENTILES}
              onChange={(id) => setUrl({ latency: id === "p95" ? null : id }, true)}
            />
          </div>
          <Charts
            data={query.data}
            firstChunks={firstChunks.data}
            percentile={percentile}
            failed={failedCondition(group)}
            addressOf={addressOf}
            onRange={(since, until) => setUrl({ range: null, since: String(since), until: String(until) })}
          />
          <GroupTable
            data={query.data}
            word={GROUPS.find(([id]) => id === group)?.[1] ?? ""}
            group={group}
            addressOf={addressOf}
          />
          <div className="table-pair">
            <ToolTable selection={selection} addressOf={addressOf} />
            <FeedbackTable selection={selection} addressOf={addressOf} />
          </div>
          {!query.data.exact && (
            <p className="dim page-note">
              Percentiles are within 5 %: there are too many steps to go through one by one.
            </p>
          )}
        </>
      )}
    </div>
  );
}

/** The same traces, for the audit. */
function auditedBy(url: URLSearchParams) {
  const wanted = ["range", "since", "until", "filter"].map((name): [string, string | null] => [name, url.get(name)]);
  return new URLSearchParams(wanted.filter((pair): pair is [string, string] => pair[1] !== null));
}

interface TilesProps {
  traces: number;
  failed: number;
  sums: StatisticsGroup | undefined;
  addressOf: TracesOf;
}

function Tiles({ traces, failed, sums, addressOf }: TilesProps) {
  const tiles: [string, string, string, string | null][] = [
    ["Traces", shortCount(traces), failed ? `${percent(failed, traces)} failed` : "none failed", ""],
    [
      "Model calls",
      shortCount(sums?.calls ?? 0),
      sums?.errors ? `${percent(sums.errors, sums.calls)} failed` : "none failed",
      null,
    ],
    [
      "Call latency",
      sums ? duration(sums.latency_ns.p50) : "–",
      sums ? `p95 ${duration(sums.latency_ns.p95)}, p99 ${duration(sums.latency_ns.p99)}` : "",
      "duration desc",
    ],
    [
      "Tokens",
      shortCount((sums?.input_tokens ?? 0) + (sums?.output_tokens ?? 0)),
      sums ? `${shortCount(sums.input_tokens)} in, ${shortCount(sums.output_tokens)} out` : "",
      "tokens desc",
    ],
    ["Cost", money(sums?.cost), sums ? unpriced(sums) : "", "cost desc"],
  ];
  return (
    <dl className="tiles">
      {tiles.map(([word, value, more, order]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd className="tile-value num">
            {order === null ? value : <Link href={addressOf([], order)}>{value}</Link>}
          </dd>
          <dd className="dim num">
            {order === "" && failed ? <Link href={addressOf(["state = 'ERROR'"])}>{more}</Link> : more}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function unpriced({ calls, priced, unmeasured }: StatisticsGroup) {
  const unknown = calls - priced - unmeasured;
  return [
    unknown ? `${plural(unknown, "call")} without a known price` : "",
    unmeasured ? `${count(unmeasured)} failed or without token counts` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

const NO_CHART: Chart = { times: [], groups: [], values: [] };
const isEmpty = (chart: Chart) => !chart.values.some((row) => row.some(Boolean));

interface ChartsProps {
  data: Statistics;
  firstChunks: Statistics | undefined;
  percentile: Percentile;
  failed: string;
  addressOf: TracesOf;
  onRange: (sinceMs: number, untilMs: number) => void;
}

function Charts({ data, firstChunks, percentile, failed, addressOf, onRange }: ChartsProps) {
  const [, navigate] = useLocation();
  const charts = useMemo(
    () => ({
      calls: chartOf(data, calls, true),
      errors: chartOf(data, errors, true),
      tokens: chartOf(data, tokens, true),
      cost: chartOf(data, cost, true),
    }),
    [data],
  );
  const latencies = useMemo(() => chartOf(data, latency[percentile], false), [data, percentile]);
  const waits = useMemo(
    () => (firstChunks ? chartOf(firstChunks, latency[percentile], false, data) : NO_CHART),
    [firstChunks, data, percentile],
  );
  const step = (data.interval_ns ?? 0) / 1e6;
  const opens = (wanted: string[], order: string) => ({
    onPick: (seconds: number) => navigate(addressOf(wanted, order, [seconds * 1000, seconds * 1000 + step])),
    onRange,
  });
  const unit = data.counts === "calls" ? "Calls" : data.counts === "spans" ? "Steps" : "Traces";
  return (
    <div className="charts">
      <ChartView title={unit} chart={charts.calls} isStacked isWhole show={shortCount} {...opens([], "")} />
      <ChartView
        title={`Latency, ${percentile}`}
        chart={latencies}
        isStacked={false}
        show={duration}
        {...opens([], "duration desc")}
      />
      <ChartView
        title={`Time to first chunk, ${percentile}`}
        chart={waits}
        nothing="No streamed call in this time."
        isStacked={false}
        show={duration}
        {...opens([], "duration desc")}
      />
      <ChartView
        title="Cost"
        chart={charts.cost}
        isStacked
        show={money}
        brief={roundMoney}
        {...opens([], "cost desc")}
      />
      <ChartView
        title="Tokens"
        chart={charts.tokens}
        isStacked
        isWhole
        show={shortCount}
        {...opens([], "tokens desc")}
      />
      <ChartView
        title={`Failed ${unit.toLowerCase()}`}
        chart={isEmpty(charts.errors) ? NO_CHART : charts.errors}
        nothing="None failed in this time."
        isStacked
        isWhole
        show={shortCount}
        {...opens([failed], "")}
      />
    </div>
  );
}

/** What the colours of all charts mean. */
function Legend({ groups, isVersion }: { groups: string[]; isVersion: boolean }) {
  const nameOf = useVersionName();
  useTheme();
  const palette = colours();
  return (
    <ul className="legend" aria-label="Colours of the charts">
      {groups.map((group, index) => (
        <li key={group} title={group}>
          <span className="legend-mark" style={{ background: palette[index % palette.length] }} />
          <bdi>{shortened((isVersion ? nameOf(group) : group) || "(none)")}</bdi>
        </li>
      ))}
    </ul>
  );
}

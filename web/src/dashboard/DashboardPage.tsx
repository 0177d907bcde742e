// Calls, errors, latency, tokens and cost over time.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "wouter";
import { useChanges } from "../api/live";
import { histogram, refreshAll, statistics } from "../api/queries";
import type { Statistics, StatisticsGroup } from "../api/types";
import { count, duration, money, percent, plural, roundMoney, shortCount } from "../format";
import { condition } from "../traces/conditions";
import { GetStarted } from "../traces/GetStarted";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { Segments } from "../ui/Segments";
import { useUrlState } from "../ui/url";
import { ChartView } from "./ChartView";
import { type Chart, chartOf, type Metric, stepFor } from "./series";

const GROUPS = [
  ["model", "Model"],
  ["trace_name", "Trace"],
  ["name", "Step"],
  ["version", "Version"],
  ["user", "User"],
] as const;

const PERCENTILES = [
  ["p50", "p50"],
  ["p95", "p95"],
  ["p99", "p99"],
] as const;

type Group = (typeof GROUPS)[number][0];
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
  const length = found?.since_ns && found.until_ns ? found.until_ns - found.since_ns : null;
  const query = useQuery({
    ...statistics(selection, group, length === null ? null : stepFor(length)),
    enabled: length !== null,
  });
  const sums = useQuery({ ...statistics(selection, "none", null), enabled: length !== null });
  useChanges(refreshAll, 3_000);
  if (
    range.isSuccess &&
    found &&
    !found.buckets.length &&
    !selection.since_ns &&
    !selection.until_ns &&
    !selection.filter
  )
    return <GetStarted onRefresh={refreshAll} hasNewTraces={false} />;
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
      </PageHead>
      {problem ? <Problem error={problem} retry={() => void query.refetch()} /> : null}
      {found && !found.buckets.length && <p className="dim page-note">No traces in this time.</p>}
      {sums.data && found && (
        <Tiles
          traces={found.count}
          failed={found.buckets.reduce((sum, bucket) => sum + bucket.errors, 0)}
          sums={sums.data.groups[0]}
        />
      )}
      {query.data && (
        <>
          <Charts data={query.data} percentile={percentile}>
            <Segments
              label="Percentile of the latency"
              value={percentile}
              options={PERCENTILES}
              onChange={(id) => setUrl({ latency: id === "p95" ? null : id }, true)}
            />
          </Charts>
          <GroupTable data={query.data} word={GROUPS.find(([id]) => id === group)?.[1] ?? ""} field={group} />
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

function Tiles({ traces, failed, sums }: { traces: number; failed: number; sums: StatisticsGroup | undefined }) {
  const tiles: [string, string, string][] = [
    ["Traces", shortCount(traces), failed ? `${percent(failed, traces)} failed` : "none failed"],
    [
      "Model calls",
      shortCount(sums?.calls ?? 0),
      sums?.errors ? `${percent(sums.errors, sums.calls)} failed` : "none failed",
    ],
    [
      "Call latency",
      sums ? duration(sums.latency_ns.p50) : "–",
      sums ? `p95 ${duration(sums.latency_ns.p95)}, p99 ${duration(sums.latency_ns.p99)}` : "",
    ],
    [
      "Tokens",
      shortCount((sums?.input_tokens ?? 0) + (sums?.output_tokens ?? 0)),
      sums ? `${shortCount(sums.input_tokens)} in, ${shortCount(sums.output_tokens)} out` : "",
    ],
    ["Cost", money(sums?.cost), sums ? unpriced(sums) : ""],
  ];
  return (
    <dl className="tiles">
      {tiles.map(([word, value, more]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd className="tile-value num">{value}</dd>
          <dd className="dim num">{more}</dd>
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

function Charts({ data, percentile, children }: { data: Statistics; percentile: Percentile; children: ReactNode }) {
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
  const unit = data.counts === "calls" ? "Calls" : data.counts === "spans" ? "Steps" : "Traces";
  return (
    <div className="charts">
      <ChartView title={unit} chart={charts.calls} isStacked isWhole show={shortCount} />
      <div className="chart-with-choice">
        <ChartView title={`Latency, ${percentile}`} chart={latencies} isStacked={false} show={duration} />
        {children}
      </div>
      <ChartView title="Cost" chart={charts.cost} isStacked show={money} brief={roundMoney} />
      <ChartView title="Tokens" chart={charts.tokens} isStacked isWhole show={shortCount} />
      <ChartView
        title={`Failed ${unit.toLowerCase()}`}
        chart={isEmpty(charts.errors) ? NO_CHART : charts.errors}
        nothing="None failed in this time."
        isStacked
        isWhole
        show={shortCount}
      />
    </div>
  );
}

const FILTER_FIELDS: Record<Group, string> = {
  model: "model",
  trace_name: "name",
  name: "span.name",
  version: "version",
  user: "user",
};

function GroupTable({ data, word, field }: { data: Statistics; word: string; field: Group }) {
  return (
    <section className="group-table">
      <h2 className="section-title">By {word.toLowerCase()}</h2>
      <div className="table-scroll">
        <table className="plain list num">
          <thead>
            <tr>
              <th scope="col">{word}</th>
              {["Count", "Failed", "p50", "p95", "p99", "Tokens in", "Tokens out", "Cost"].map((head) => (
                <th key={head} scope="col" className="right">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.groups.map((group) => (
              <tr key={group.group}>
                <td className="clip-id" title={group.group}>
                  {group.group ? (
                    <Link href={`/traces?filter=${encodeURIComponent(condition(FILTER_FIELDS[field], group.group))}`}>
                      {group.group}
                    </Link>
                  ) : (
                    <span className="dim">(none)</span>
                  )}
                </td>
                <td className="right">{count(group.calls)}</td>
                <td className={`right ${group.errors ? "bad" : "dim"}`}>
                  {group.errors ? `${count(group.errors)} (${percent(group.errors, group.calls)})` : "0"}
                </td>
                <td className="right nowrap">{duration(group.latency_ns.p50)}</td>
                <td className="right nowrap">{duration(group.latency_ns.p95)}</td>
                <td className="right nowrap">{duration(group.latency_ns.p99)}</td>
                <td className="right">{count(group.input_tokens)}</td>
                <td className="right">{count(group.output_tokens)}</td>
                <td className="right">{money(group.cost)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

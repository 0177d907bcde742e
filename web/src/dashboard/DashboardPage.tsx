// Calls, errors, latency, tokens and cost over time.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useRef } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { histogram, refreshAll, statistics } from "../api/queries";
import type { Statistics, StatisticsGroup } from "../api/types";
import { count, duration, money, percent, plural, roundMoney, shortCount } from "../format";
import { condition, conjuncts } from "../traces/conditions";
import { FilterBox } from "../traces/FilterBox";
import { GetStarted } from "../traces/GetStarted";
import { useKeys } from "../ui/keys";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { Segments } from "../ui/Segments";
import { useTheme } from "../ui/theme";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { useVersionName } from "../versions/details";
import { ChartView, colours, shortened } from "./ChartView";
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
        />
      )}
      {query.data && (
        <>
          <Legend groups={chartOf(query.data, calls, true).groups} isVersion={group === "version"} />
          <Charts data={query.data} percentile={percentile}>
            <Segments
              label="Percentile of the latency"
              value={percentile}
              options={PERCENTILES}
              onChange={(id) => setUrl({ latency: id === "p95" ? null : id }, true)}
            />
          </Charts>
          <GroupTable
            data={query.data}
            word={GROUPS.find(([id]) => id === group)?.[1] ?? ""}
            field={group}
            addressOf={(wanted, order) => tracesOf(url, selection.filter, wanted, order)}
          />
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

/** The traces behind a figure, in the time and filter of the dashboard. */
function tracesOf(url: URLSearchParams, filter: string, wanted: string[], order: string): string {
  const next = new URLSearchParams();
  for (const name of ["range", "since", "until"]) {
    const value = url.get(name);
    if (value) next.set(name, value);
  }
  const conditions = [
    ...(filter ? (conjuncts(`${filter} AND x`).length > 1 ? [filter] : [`(${filter})`]) : []),
    ...wanted,
  ];
  if (conditions.length) next.set("filter", conditions.join(" AND "));
  if (order) next.set("order", order);
  return `/traces?${next}`;
}

const cardOf = (group: StatisticsGroup): [string, string][] => [
  ["Count", count(group.calls)],
  ["Failed", group.errors ? `${count(group.errors)} (${percent(group.errors, group.calls)})` : "0"],
  ["Latency p50, p95", `${duration(group.latency_ns.p50)}, ${duration(group.latency_ns.p95)}`],
  ["Tokens", `${count(group.input_tokens)} in, ${count(group.output_tokens)} out`],
  ["Cost", money(group.cost)],
];

interface GroupTableProps {
  data: Statistics;
  word: string;
  field: Group;
  addressOf: (wanted: string[], order: string) => string;
}

const FAILED = { trace_name: "state = 'ERROR'", version: "state = 'ERROR'", user: "state = 'ERROR'" } as Record<
  Group,
  string
>;

function GroupTable({ data, word, field, addressOf }: GroupTableProps) {
  const nameOf = useVersionName();
  const isNarrow = useMedia("(max-width: 720px)");
  const titleOf = (group: string) => (field === "version" ? nameOf(group) : group);
  if (isNarrow)
    return (
      <section className="group-table">
        <h2 className="section-title">By {word.toLowerCase()}</h2>
        <ul className="cards">
          {data.groups.map((group) => (
            <li key={group.group} className="card num">
              <h3>
                {group.group ? (
                  <Link href={addressOf([condition(FILTER_FIELDS[field], group.group)], "")}>
                    {titleOf(group.group)}
                  </Link>
                ) : (
                  "(none)"
                )}
              </h3>
              <dl>
                {cardOf(group).map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ))}
              </dl>
            </li>
          ))}
        </ul>
      </section>
    );
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
            {data.groups.map((group) => {
              const its = [condition(FILTER_FIELDS[field], group.group)];
              const linked = (text: string, wanted: string[] = [], order = "") =>
                group.group ? (
                  <Link href={addressOf([...its, ...wanted], order)}>
                    {text}
                    <span className="visually-hidden"> of {group.group}</span>
                  </Link>
                ) : (
                  text
                );
              return (
                <tr key={group.group}>
                  <td className="clip-id" title={group.group}>
                    {group.group ? (
                      <Link href={addressOf(its, "")}>{titleOf(group.group)}</Link>
                    ) : (
                      <span className="dim">(none)</span>
                    )}
                  </td>
                  <td className="right">{count(group.calls)}</td>
                  <td className={`right ${group.errors ? "bad" : "dim"}`}>
                    {group.errors
                      ? linked(`${count(group.errors)} (${percent(group.errors, group.calls)})`, [
                          FAILED[field] ?? "errors > 0",
                        ])
                      : "0"}
                  </td>
                  <td className="right nowrap">{duration(group.latency_ns.p50)}</td>
                  <td className="right nowrap">{duration(group.latency_ns.p95)}</td>
                  <td className="right nowrap">{linked(duration(group.latency_ns.p99), [], "duration desc")}</td>
                  <td className="right">{count(group.input_tokens)}</td>
                  <td className="right">{count(group.output_tokens)}</td>
                  <td className="right">{linked(money(group.cost), [], "cost desc")}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

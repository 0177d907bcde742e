// The versions of an app, side by side.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { useChanges } from "../api/live";
import { refreshAll, versionList } from "../api/queries";
import type { Version } from "../api/types";
import { ago, count, duration, fullTime, money, percent, totalTokens } from "../format";
import { Code } from "../text/Code";
import { condition } from "../traces/conditions";
import { modelNames } from "../ui/models";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useUrlState } from "../ui/url";
import { useDetails, useVersionName } from "./details";

const LINES = `@tracer.trace
def answer(question: str) -> str:
    tracer.update_current_trace(model_id="shop-agent-v2")
    ...`;

interface Figure {
  word: string;
  of: (version: Version) => number | null;
  show: (value: number) => string;
  /** Whether a higher value is better, worse, or neither. */
  more: "good" | "bad" | "neither";
}

const each = (sum: number | null | undefined, version: Version) =>
  sum === null || sum === undefined || !version.trace_count ? null : sum / version.trace_count;

const FIGURES: Figure[] = [
  { word: "Traces", of: (v) => v.trace_count, show: count, more: "neither" },
  {
    word: "Failed",
    of: (v) => v.error_count / Math.max(1, v.trace_count),
    show: (share) => percent(share, 1),
    more: "bad",
  },
  { word: "Latency, median", of: (v) => v.latency_ns?.p50 ?? null, show: duration, more: "bad" },
  { word: "Latency, p95", of: (v) => v.latency_ns?.p95 ?? null, show: duration, more: "bad" },
  { word: "Latency, p99", of: (v) => v.latency_ns?.p99 ?? null, show: duration, more: "bad" },
  { word: "Tokens a trace", of: (v) => each(totalTokens(v.usage), v), show: (n) => count(Math.round(n)), more: "bad" },
  { word: "Cost a trace", of: (v) => each(v.cost?.total_cost, v), show: money, more: "bad" },
  { word: "Cost", of: (v) => v.cost?.total_cost ?? null, show: money, more: "neither" },
];

export default function VersionsPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const query = useQuery(versionList(selection));
  useChanges(refreshAll, 3_000);
  const versions = query.data?.versions ?? [];
  const [baseId, setBase] = useState<string | null>(null);
  const base = versions.find((version) => version.model_id === baseId) ?? versions[versions.length - 1];
  const details = useDetails(versions);
  const versionName = useVersionName();
  const figures = [...FIGURES, ...feedbackFigures(versions)].filter((figure) =>
    versions.some((version) => figure.of(version) !== null),
  );
  return (
    <div className="page">
      <PageHead title="Versions" url={url} onChange={setUrl} />
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && versions.length === 0 && (
        <div className="page-empty">
          <h2>No versions {selection.since_ns ? "in this time" : "yet"}</h2>
          <p>Say which version of your app makes a trace, and its versions are compared here.</p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {base && (
        <>
          <p className="dim page-note">
            Each version against {versionName(base.model_id)}: choose another in the table's head.
          </p>
          <div className="table-scroll">
            <table className="plain list versions num">
              <thead>
                <tr>
                  <td />
                  {versions.map((version) => (
                    <th key={version.model_id} scope="col" className="right">
                      <span className="strong version-name" title={version.model_id}>
                        {versionName(version.model_id)}
                      </span>
                      <label className="base-choice">
                        <input
                          type="radio"
                          name="base"
                          checked={version === base}
                          onChange={() => setBase(version.model_id)}
                        />
                        compare against
                      </label>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {figures.map((figure) => (
                  <tr key={figure.word}>
                    <th scope="row">{figure.word}</th>
                    {versions.map((version) => (
                      <td key={version.model_id} className="right nowrap">
                        <FigureCell figure={figure} version={version} base={base} />
                      </td>
                    ))}
                  </tr>
                ))}
                <tr>
                  <th scope="row">Models</th>
                  {versions.map((version) => (
                    <td key={version.model_id} className="right">
                      {modelNames(version.models)}
                    </td>
                  ))}
                </tr>
                {details.map((detail) => (
                  <tr key={detail.word}>
                    <th scope="row">{detail.word}</th>
                    {versions.map((version) => (
                      <td key={version.model_id} className="right version-detail" title={detail.of(version)}>
                        {detail.of(version) ?? <span className="dim">–</span>}
                      </td>
                    ))}
                  </tr>
                ))}
                <tr>
                  <th scope="row">Last trace</th>
                  {versions.map((version) => (
                    <td key={version.model_id} className="right nowrap" title={fullTime(version.last_ns)}>
                      {ago(version.last_ns)}
                    </td>
                  ))}
                </tr>
                <tr>
                  <td />
                  {versions.map((version) => (
                    <td key={version.model_id} className="right">
                      <Link href={`/traces?filter=${encodeURIComponent(condition("version", version.model_id))}`}>
                        its traces<span className="visually-hidden"> of {versionName(version.model_id)}</span>
                      </Link>
                    </td>
                  ))}
                </tr>
              </tbody>
            </table>
          </div>
        </>
      )}
    </div>
  );
}

function FigureCell({ figure, version, base }: { figure: Figure; version: Version; base: Version }) {
  const value = figure.of(version);
  if (value === null) return <span className="dim">–</span>;
  const against = figure.of(base);
  const change = version === base || !against || figure.more === "neither" ? null : value / against - 1;
  const isNoted = change !== null && Math.abs(change) >= 0.01;
  const isGood = isNoted && change > 0 === (figure.more === "good");
  return (
    <>
      {isNoted && (
        <span className={`change ${isGood ? "good" : "bad"}`}>
          {change > 0 ? "+" : "−"}
          {percent(Math.abs(change), 1)}
        </span>
      )}
      {figure.show(value)}
    </>
  );
}

function feedbackFigures(versions: Version[]): Figure[] {
  const names = [...new Set(versions.flatMap((version) => version.feedback.map((given) => given.name)))].sort();
  return names.map((name) => ({
    word: `Feedback: ${name}`,
    of: (version) => version.feedback.find((given) => given.name === name)?.mean ?? null,
    show: (mean) => mean.toFixed(2),
    more: "good" as const,
  }));
}

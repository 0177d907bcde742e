// The versions of each app, side by side.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "wouter";
import { useChanges } from "../api/live";
import { refreshAll, versionList } from "../api/queries";
import type { Version } from "../api/types";
import { ago, fullTime, percent } from "../format";
import { Code } from "../text/Code";
import { modelNames } from "../ui/models";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { VersionLink, versionAddress } from "../ui/VersionName";
import { type App, appsOf, baseOf } from "./apps";
import { useDetails, useVersionName } from "./details";
import { changeOf, FIGURES, type Figure, feedbackFigures, textScores, tracesBehind } from "./figures";
import { Texts } from "./Texts";

const LINES = `@tracer.trace
def answer(question: str) -> str:
    tracer.update_current_trace(model_id="shop-agent-v2")
    ...`;

export default function VersionsPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const query = useQuery(versionList(selection));
  useChanges(refreshAll, 3_000);
  const apps = useMemo(() => appsOf(query.data?.versions ?? []), [query.data]);
  const bases = url.get("base")?.split(",") ?? [];
  const choose = (app: App, base: string) => {
    const others = bases.filter((id) => !app.versions.some((version) => version.model_id === id));
    setUrl({ base: [...others, ...(base ? [base] : [])].join(",") || null });
  };
  return (
    <div className="page">
      <PageHead title="Versions" url={url} onChange={setUrl} />
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && apps.length === 0 && (
        <div className="page-empty">
          <h2>No versions {selection.since_ns ? "in this time" : "yet"}</h2>
          <p>Say which version of your app makes a trace, and its versions are compared here.</p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {apps.map((app) => (
        <AppVersions
          key={app.name}
          app={app}
          chosen={app.versions.find((version) => bases.includes(version.model_id))}
          onBase={(id) => choose(app, id)}
        />
      ))}
    </div>
  );
}

interface Row {
  word: string;
  cell: (version: Version) => ReactNode;
}

function AppVersions({
  app,
  chosen,
  onBase,
}: {
  app: App;
  chosen: Version | undefined;
  onBase: (modelId: string) => void;
}) {
  const isNarrow = useMedia("(max-width: 720px)");
  const { versions } = app;
  const details = useDetails(versions);
  const versionName = useVersionName();
  const figures = [...FIGURES, ...feedbackFigures(versions)].filter((figure) =>
    versions.some((version) => figure.of(version) !== null),
  );
  const rows: Row[] = [
    ...figures.map((figure) => ({
      word: figure.word,
      cell: (version: Version) => <FigureCell figure={figure} version={version} base={baseOf(app, version, chosen)} />,
    })),
    ...textScores(versions).map((name) => ({
      word: `Feedback: ${name}`,
      cell: (version: Version) => <Texts version={version} name={name} />,
    })),
    { word: "Models", cell: (version) => modelNames(version.models) },
    ...details.map((detail) => ({
      word: detail.word,
      cell: (version: Version) => {
        const said = detail.of(version);
        return said === undefined ? (
          <span className="dim">–</span>
        ) : (
          <span className="version-detail" title={said}>
            {said}
          </span>
        );
      },
    })),
    {
      word: "Last trace",
      cell: (version) => <span title={fullTime(version.last_ns)}>{ago(version.last_ns)}</span>,
    },
  ];
  return (
    <section className="app-versions" aria-label={app.name}>
      <div className="app-head">
        <h2>{app.name}</h2>
        {versions.length > 1 && (
          <label className="dim">
            Compare with
            <select className="field" value={chosen?.model_id ?? ""} onChange={(event) => onBase(event.target.value)}>
              <option value="">the version before</option>
              {versions.map((version) => (
                <option key={version.model_id} value={version.model_id}>
                  {versionName(version.model_id)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {isNarrow ? <Cards rows={rows} versions={versions} /> : <SideBySide rows={rows} versions={versions} />}
    </section>
  );
}

function SideBySide({ rows, versions }: { rows: Row[]; versions: Version[] }) {
  const versionName = useVersionName();
  return (
    <div className="table-scroll">
      <table className="plain list versions num">
        <thead>
          <tr>
            <td />
            {versions.map((version) => (
              <th key={version.model_id} scope="col" className="right">
                <Link className="strong version-name" title={version.model_id} href={versionAddress(version.model_id)}>
                  {versionName(version.model_id)}
                </Link>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.word}>
              <th scope="row">{row.word}</th>
              {versions.map((version) => (
                <td key={version.model_id} className="right nowrap">
                  {row.cell(version)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cards({ rows, versions }: { rows: Row[]; versions: Version[] }) {
  return (
    <ul className="cards">
      {versions.map((version) => (
        <li key={version.model_id} className="card num">
          <h3>
            <VersionLink modelId={version.model_id} />
          </h3>
          <dl>
            {rows.map((row) => (
              <div key={row.word}>
                <dt>{row.word}</dt>
                <dd>{row.cell(version)}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

function FigureCell({ figure, version, base }: { figure: Figure; version: Version; base: Version | null }) {
  const measured = figure.of(version);
  if (!measured) return <span className="dim">–</span>;
  const change = changeOf(figure, measured, base && figure.of(base));
  const isMore = change !== null && (change.by === null || change.by > 0);
  return (
    <>
      {change && (
        <span
          className={`change ${change.isChance ? "chance" : change.isGood ? "good" : "bad"}`}
          title={`Against ${base?.name}${change.isChance ? ": too few traces to tell it from chance" : ""}`}
        >
          {isMore ? "+" : "−"}
          {change.by === null ? "" : percent(Math.abs(change.by), 1)}
          {change.isChance && <span className="visually-hidden"> (may be chance)</span>}
        </span>
      )}
      <Link href={tracesBehind(version, figure)}>
        {figure.show(measured.value)}
        <span className="visually-hidden">
          {" "}
          {figure.word}, traces of {version.name}
        </span>
      </Link>
      {measured.of && <span className="dim of-how-many"> {measured.of}</span>}
    </>
  );
}

// Evaluations as a table, or as cards on a phone.

import type { ReactNode } from "react";
import { Link } from "wouter";
import { DatasetLink } from "../datasets/DatasetLink";
import { count, duration, fullTime, moment, money, plural } from "../format";
import { VersionLink } from "../ui/VersionName";
import type { Evaluation } from "./api";
import { byName, mean } from "./scores";

interface Props {
  evaluations: Evaluation[];
  marked?: ReadonlySet<string>;
  onMark?: (runId: string) => void;
}

const COLUMNS = 6;

export const evaluationAddress = (runId: string, base?: string) =>
  `/evaluations/${encodeURIComponent(runId)}${base ? `?${new URLSearchParams({ base })}` : ""}`;

/** Names of the scores that most of the runs have. */
export function commonScores(evaluations: Evaluation[]): string[] {
  const often = new Map<string, number>();
  for (const { scores } of evaluations) for (const { name } of scores) often.set(name, (often.get(name) ?? 0) + 1);
  return [...often].sort(([a, n], [b, m]) => m - n || byName(a, b)).map(([name]) => name);
}

export function RunTable({ evaluations, marked, onMark }: Props) {
  const names = commonScores(evaluations);
  const shown = names.slice(0, COLUMNS);
  const hasMore = names.length > COLUMNS;
  return (
    <div className="table-scroll">
      <table className="plain list runs num">
        <thead>
          <tr>
            {onMark && (
              <td>
                <span className="visually-hidden">Marked</span>
              </td>
            )}
            <th scope="col">Started</th>
            <th scope="col">Run</th>
            <th scope="col">Version</th>
            <th scope="col">Dataset</th>
            <th scope="col" className="right">
              Rows
            </th>
            {shown.map((name) => (
              <th key={name} scope="col" className="right score-name" title={name}>
                {name}
              </th>
            ))}
            {hasMore && (
              <th scope="col" className="right">
                Others
              </th>
            )}
            <th scope="col" className="right">
              Latency
            </th>
            <th scope="col" className="right">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {evaluations.map((run) => (
            <tr key={run.run_id}>
              {onMark && (
                <td className="mark-cell">
                  <input
                    type="checkbox"
                    tabIndex={-1}
                    checked={marked?.has(run.run_id) ?? false}
                    aria-label={`Mark ${run.name}`}
                    onChange={() => onMark(run.run_id)}
                  />
                </td>
              )}
              <td className="nowrap" title={fullTime(run.started_ns)}>
                {moment(run.started_ns)}
              </td>
              <td className="clip-id">
                <Link className="strong run-link" href={evaluationAddress(run.run_id)} title={run.run_id}>
                  {run.name}
                </Link>{" "}
                <RunStatus status={run.status} />
              </td>
              <td className="clip-id">
                <Versions run={run} />
              </td>
              <td className="clip-id" title={run.dataset ?? undefined}>
                {run.dataset && <DatasetLink name={run.dataset} />}
              </td>
              <td className="right nowrap">
                <Rows run={run} />
              </td>
              {shown.map((name) => (
                <td key={name} className="right nowrap">
                  <Mean run={run} name={name} />
                </td>
              ))}
              {hasMore && (
                <td className="right dim">{count(run.scores.filter(({ name }) => !shown.includes(name)).length)}</td>
              )}
              <td className="right nowrap">{run.latency_ns ? duration(run.latency_ns.p50) : ""}</td>
              <td className="right">{run.cost ? money(run.cost.total_cost) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Mean({ run, name }: { run: Evaluation; name: string }) {
  const sums = run.scores.find((score) => score.name === name);
  if (!sums) return <span className="dim">–</span>;
  // a score in words has no mean: the number of rows alone would read as one
  if (sums.mean === null) return <span className="dim">{sums.count ? plural(sums.count, "text") : "–"}</span>;
  return (
    <>
      {mean(sums.mean)}
      {sums.count !== null && (
        <span className="dim of-n">
          <span className="visually-hidden"> of </span>
          {count(sums.count)}
        </span>
      )}
    </>
  );
}

function Rows({ run }: { run: Evaluation }) {
  const isOver = run.status === "FINISHED";
  return (
    <>
      {run.failed_count > 0 && <span className="bad failed-rows">{count(run.failed_count)} failed</span>}
      {count(run.row_count)}
      {!isOver && run.expected_rows !== null && <span className="dim"> of {count(run.expected_rows)}</span>}
    </>
  );
}

export function Versions({ run }: { run: Evaluation }): ReactNode {
  return run.versions.map(({ model_id }, index) => (
    <span key={model_id}>
      {index > 0 && ", "}
      <VersionLink modelId={model_id} />
    </span>
  ));
}

const STATUS: Record<string, [string, string]> = {
  RUNNING: ["run", "Running"],
  FAILED: ["error", "Failed"],
  KILLED: ["warn", "Interrupted"],
};

export function RunStatus({ status }: { status: string }) {
  const [tone, word] = STATUS[status] ?? [];
  return word ? <span className={`badge ${tone}`}>{word}</span> : null;
}

export function RunCards({ evaluations, marked, onMark }: Props) {
  return (
    <ul className="cards">
      {evaluations.map((run) => (
        <li key={run.run_id} className="card num">
          <h2 className="card-line">
            <Link href={evaluationAddress(run.run_id)} className="run-link">
              <bdi>{run.name}</bdi>
            </Link>
            {onMark && (
              <input
                type="checkbox"
                className="run-mark"
                checked={marked?.has(run.run_id) ?? false}
                aria-label={`Mark ${run.name}`}
                onChange={() => onMark(run.run_id)}
              />
            )}
          </h2>
          <p className="dim">
            {[
              moment(run.started_ns),
              plural(run.row_count, "row"),
              run.dataset ?? "",
              run.cost ? money(run.cost.total_cost) : "",
            ]
              .filter(Boolean)
              .join(" · ")}{" "}
            <RunStatus status={run.status} />
          </p>
          <p>
            <Versions run={run} />{" "}
            {run.failed_count > 0 && <span className="bad">{count(run.failed_count)} failed</span>}
          </p>
          <dl>
            {[...run.scores]
              .sort((a, b) => byName(a.name, b.name))
              .slice(0, COLUMNS)
              .map((sums) => (
                <div key={sums.name}>
                  <dt>{sums.name}</dt>
                  <dd>
                    <Mean run={run} name={sums.name} />
                  </dd>
                </div>
              ))}
          </dl>
          {run.scores.length > COLUMNS && <p className="dim">and {count(run.scores.length - COLUMNS)} more scores</p>}
        </li>
      ))}
    </ul>
  );
}

// One version of an app: what it is, what its traces come to, its evaluations.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowLeft, GitCommitHorizontal, ListTree, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError, exactRequest, request } from "../api/client";
import { useChanges } from "../api/live";
import { queryClient, refreshAll, versionList } from "../api/queries";
import type { Json, Model, Version } from "../api/types";
import { evaluationList } from "../evaluations/api";
import { evaluationAddress, RunCards, RunTable } from "../evaluations/RunTable";
import { mean } from "../evaluations/scores";
import { ago, count, fullTime, moment, plural } from "../format";
import { Code } from "../text/Code";
import { withPlainNumbers } from "../text/exact";
import { Value } from "../text/Value";
import { condition } from "../traces/conditions";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { CopyButton } from "../ui/Copy";
import { Disclosure } from "../ui/Disclosure";
import { modelNames } from "../ui/models";
import { Problem } from "../ui/Problem";
import { useMedia } from "../ui/useMedia";
import { FIGURES, feedbackFigures, NO_EXAMPLES, textScores, tracesBehind } from "./figures";
import { commitOf } from "./git";
import { Texts } from "./Texts";
import "../evaluations/evaluations.css";
import "./version.css";

interface WholeModel extends Model {
  experiment: string;
  created_ns: number;
  updated_ns: number;
  model_type: string | null;
  source_run_id: string | null;
  status: string;
  status_message: string | null;
  metrics: Record<string, number>;
}

interface WholeVersion {
  model: WholeModel;
  registered_as: { name: string; number: number; aliases: string[] }[];
  code: string | null;
  config: Json;
  input_example: Json;
  metadata: Record<string, Json>;
}

const wholeVersion = (modelId: string) => ({
  queryKey: ["version", modelId],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    exactRequest(`/models/${encodeURIComponent(modelId)}`, {}, { signal }).then((answer) => {
      // what the files say keeps exact numbers
      const { model, registered_as, ...files } = answer as unknown as WholeVersion;
      return { ...files, ...withPlainNumbers({ model, registered_as }) } as WholeVersion;
    }),
  retry: false,
});

const OF_GIT = /^git\./;

export default function VersionPage({ modelId }: { modelId: string }) {
  const selection = { filter: condition("version", modelId), since_ns: null, until_ns: null };
  const whole = useQuery(wholeVersion(modelId));
  const traces = useQuery(versionList(selection));
  useChanges(refreshAll, 3_000);
  const figures = traces.data?.versions.find((version) => version.model_id === modelId) ?? null;
  const isUnknown = whole.error instanceof ApiError && whole.error.status === 404;
  // a trace may name a version that nobody has described
  if (whole.isError && !(isUnknown && figures))
    return (
      <div className="page-empty">
        <h1>This version cannot be shown</h1>
        <Problem error={whole.error} retry={() => void whole.refetch()} />
        <p>
          <Link href="/versions">All versions</Link>
        </p>
      </div>
    );
  const said = whole.data;
  const model = said?.model ?? null;
  return (
    <div className="page version-page">
      <header className="page-head">
        <Link href="/versions" className="button quiet square" aria-label="All versions" title="All versions">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="long-title" dir="auto">
          {model?.name ?? figures?.name ?? "…"}
        </h1>
        {model?.deleted && <span className="badge warn">Deleted</span>}
        {model && model.status !== "READY" && model.status !== "UNSPECIFIED" && (
          <span className={`badge ${model.status === "FAILED" ? "error" : "run"}`}>{model.status.toLowerCase()}</span>
        )}
        <CopyButton text={modelId} label={`Copy the id, ${modelId}`} />
        <div className="page-tools">
          <Link
            className="button"
            href={`/traces?${new URLSearchParams({ filter: `${condition("version", modelId)} AND ${NO_EXAMPLES}` })}`}
          >
            <ListTree aria-hidden /> {figures ? plural(figures.trace_count, "trace") : "Traces"}
          </Link>
          {model && !model.deleted && <DeleteVersion model={model} />}
        </div>
      </header>
      {model?.status_message && <p className="page-note dim">{model.status_message}</p>}
      {said && <Facts said={said} />}
      {traces.isError && <Problem error={traces.error} retry={() => void traces.refetch()} />}
      <div className="version-parts">
        {figures ? (
          <Figures version={figures} />
        ) : (
          traces.isSuccess && (
            <section>
              <h2 className="section-title">Traces</h2>
              <p className="dim">None yet.</p>
            </section>
          )
        )}
        {said && <Pairs title="Params" pairs={said.model.params} />}
        {said && (
          <Pairs
            title="Tags"
            pairs={Object.fromEntries(Object.entries(said.model.tags).filter(([key]) => !OF_GIT.test(key)))}
          />
        )}
        {said && (
          <Pairs
            title="Metrics"
            pairs={Object.fromEntries(
              Object.entries(said.model.metrics).map(([key, value]) => [
                key,
                Number.isInteger(value) ? count(value) : mean(value),
              ]),
            )}
          />
        )}
      </div>
      {said && <Files said={said} />}
      <Evaluations modelId={modelId} />
    </div>
  );
}

function Facts({ said }: { said: WholeVersion }) {
  const { model } = said;
  const git = commitOf(model.tags);
  const diff = model.tags["git.diff"];
  return (
    <>
      <dl className="facts version-facts">
        <div title={fullTime(model.created_ns)}>
          <dt className="visually-hidden">Made</dt>
          <dd>made {ago(model.created_ns)}</dd>
        </div>
        {git && (
          <div>
            <dt className="visually-hidden">Commit</dt>
            <dd>
              <GitCommitHorizontal aria-hidden />
              {git.address ? (
                <a href={git.address} className="mono" title={git.commit} target="_blank" rel="noreferrer">
                  {git.commit.slice(0, 10)}
                </a>
              ) : (
                <span className="mono" title={git.commit}>
                  {git.commit.slice(0, 10)}
                </span>
              )}
              {git.branch && <span className="long-id">on {git.branch}</span>}
              {git.isDirty && <span className="badge warn">with changes</span>}
            </dd>
          </div>
        )}
        {model.model_type && <Plain word="Type" text={model.model_type} />}
        <Plain word="Experiment" text={`experiment ${model.experiment}`} />
        {model.source_run_id && (
          <div>
            <dt className="visually-hidden">Run</dt>
            <dd>
              <Link href={evaluationAddress(model.source_run_id)}>made in a run</Link>
            </dd>
          </div>
        )}
        {said.registered_as.map(({ name, number, aliases }) => (
          <div key={`${name}/${number}`}>
            <dt className="visually-hidden">Registered as</dt>
            <dd>
              <span className="badge long-id">{`${name}/${number}`}</span>
              {aliases.map((alias) => (
                <span key={alias} className="badge ok long-id">
                  @{alias}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      {diff && (
        <Disclosure className="version-diff" summary="Changes since the commit">
          {() => <Code code={diff} language="diff" />}
        </Disclosure>
      )}
    </>
  );
}

function Plain({ word, text }: { word: string; text: string }) {
  return (
    <div>
      <dt className="visually-hidden">{word}</dt>
      <dd className="long-id">{text}</dd>
    </div>
  );
}

/** Each figure opens the traces behind it. */
function Figures({ version }: { version: Version }) {
  const rows: [string, ReactNode][] = [...FIGURES, ...feedbackFigures([version])].flatMap((figure) => {
    const measured = figure.of(version);
    if (!measured) return [];
    const cell = (
      <>
        <Link href={tracesBehind(version, figure)}>{figure.show(measured.value)}</Link>
        {measured.of && <span className="dim of-n"> {measured.of}</span>}
      </>
    );
    return [[figure.word, cell] as [string, ReactNode]];
  });
  for (const name of textScores([version]))
    rows.push([`Feedback: ${name}`, <Texts key={name} version={version} name={name} />]);
  if (version.models.length) rows.push(["Models", modelNames(version.models)]);
  rows.push([
    "Last trace",
    <span key="last" title={fullTime(version.last_ns)}>
      {moment(version.last_ns)}
    </span>,
  ]);
  return <Table title="Traces" rows={rows} />;
}

function Pairs({ title, pairs }: { title: string; pairs: Record<string, string> }) {
  const rows = Object.entries(pairs).sort(([a], [b]) => a.localeCompare(b));
  if (!rows.length) return null;
  return <Table title={title} rows={rows} />;
}

function Table({ title, rows }: { title: string; rows: [string, ReactNode][] }) {
  return (
    <section aria-label={title}>
      <h2 className="section-title">{title}</h2>
      <dl className="version-pairs num">
        {rows.map(([word, value]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Files({ said }: { said: WholeVersion }) {
  const parts: [string, Json][] = [
    ["Config", said.config],
    ["Input example", said.input_example],
    ["Metadata", Object.keys(said.metadata).length ? said.metadata : null],
  ];
  const shown = parts.filter(([, value]) => value !== null);
  if (!shown.length) return null;
  return (
    <div className="version-parts">
      {shown.map(([title, value]) => (
        <section key={title} aria-label={title}>
          <h2 className="section-title">{title}</h2>
          <Value value={value} label={title} />
        </section>
      ))}
    </div>
  );
}

function Evaluations({ modelId }: { modelId: string }) {
  const query = useInfiniteQuery(evaluationList("", modelId));
  const isNarrow = useMedia("(max-width: 720px)");
  const evaluations = query.data?.pages.flatMap((page) => page.evaluations) ?? [];
  return (
    <section aria-label="Evaluations">
      <h2 className="section-title">Evaluations</h2>
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <p className="dim">Loading…</p>}
      {query.isSuccess && evaluations.length === 0 && <p className="dim">None yet.</p>}
      {evaluations.length > 0 &&
        (isNarrow ? <RunCards evaluations={evaluations} /> : <RunTable evaluations={evaluations} />)}
      {query.hasNextPage && (
        <button type="button" className="button more-button" onClick={() => void query.fetchNextPage()}>
          Show more
        </button>
      )}
    </section>
  );
}

function DeleteVersion({ model }: { model: Model }) {
  const [isAsking, setAsking] = useState(false);
  const [, navigate] = useLocation();
  const remove = () =>
    request<void>(`/models/${encodeURIComponent(model.model_id)}`, {}, { method: "DELETE" }).then(() => {
      navigate("/versions");
      void queryClient.invalidateQueries();
    });
  return (
    <>
      <button
        type="button"
        className="button quiet square"
        aria-label="Delete this version"
        title="Delete this version…"
        onClick={() => setAsking(true)}
      >
        <Trash2 aria-hidden />
      </button>
      <ConfirmDialog
        open={isAsking}
        title={`Delete ${model.name}?`}
        text="Its params, tags, metrics and files are gone for good. Its traces stay."
        action="Delete"
        onCancel={() => setAsking(false)}
        onConfirm={remove}
      />
    </>
  );
}

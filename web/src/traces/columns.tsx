// Columns of the list of traces.

import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { Trace } from "../api/types";
import {
  count,
  duration,
  fullTime,
  milliseconds,
  minuteOf,
  moment,
  money,
  plural,
  shortCount,
  totalTokens,
} from "../format";
import { modelNames } from "../ui/models";
import { StateBadge, stateWord } from "../ui/State";
import { VersionLink, VersionName } from "../ui/VersionName";
import { preview } from "./preview";

export interface Column {
  id: string;
  word: string;
  width: string;
  isRight?: boolean;
  sort?: string;
  cell: (trace: Trace) => ReactNode;
  /** Short form for the card on a narrow screen. */
  fact?: (trace: Trace) => ReactNode;
}

const text = (value: string | null | undefined) => <bdi title={value ?? ""}>{value ?? ""}</bdi>;

export const COLUMNS: Column[] = [
  {
    id: "time",
    word: "Time",
    width: "156px",
    sort: "timestamp",
    fact: (t) => moment(t.start_ns),
    cell: (t) => (
      <span className="num" title={fullTime(t.start_ns)}>
        <Moment ns={t.start_ns} />
      </span>
    ),
  },
  {
    id: "state",
    word: "State",
    width: "116px",
    sort: "state",
    cell: (t) => (
      <>
        <StateBadge state={t.state} />
        <FailedBelow trace={t} />
      </>
    ),
  },
  {
    id: "name",
    word: "Name",
    width: "minmax(140px, 1fr)",
    sort: "name",
    cell: (t) => <bdi className="strong">{t.name ?? "(no name yet)"}</bdi>,
  },
  { id: "input", word: "Input", width: "minmax(160px, 1.7fr)", cell: (t) => <Preview text={t.request_preview} /> },
  { id: "output", word: "Output", width: "minmax(160px, 1.7fr)", cell: output },
  {
    id: "latency",
    word: "Latency",
    width: "84px",
    isRight: true,
    sort: "duration",
    fact: (t) => (t.duration_ns === null ? stateWord(t.state).toLowerCase() : duration(t.duration_ns)),
    cell: (t) => <span className="num">{t.state === "IN_PROGRESS" ? "…" : duration(t.duration_ns)}</span>,
  },
  {
    id: "tokens",
    word: "Tokens",
    width: "76px",
    isRight: true,
    sort: "tokens",
    fact: (t) => (t.usage ? plural(totalTokens(t.usage) ?? 0, "token") : null),
    cell: (t) => (
      <span className="num" title={tokens(t)}>
        {t.usage ? shortCount(totalTokens(t.usage)) : ""}
      </span>
    ),
  },
  {
    id: "cost",
    word: "Cost",
    width: "92px",
    isRight: true,
    sort: "cost",
    fact: (t) => (t.cost ? money(t.cost.total_cost) : null),
    cell: (t) => <span className="num">{t.cost ? money(t.cost.total_cost) : ""}</span>,
  },
  {
    id: "model",
    word: "Model",
    width: "130px",
    fact: (t) => modelNames(t.models),
    cell: (t) => <span title={t.models.join(", ")}>{modelNames(t.models)}</span>,
  },
  {
    id: "session",
    word: "Session",
    width: "110px",
    sort: "session",
    fact: (t) => t.session_id,
    cell: (t) => text(t.session_id),
  },
  { id: "user", word: "User", width: "100px", sort: "user", fact: (t) => t.user, cell: (t) => text(t.user) },
  {
    id: "version",
    word: "Version",
    width: "110px",
    sort: "version",
    fact: (t) => t.model_id && <VersionName modelId={t.model_id} />,
    cell: (t) => (t.model_id ? <VersionLink modelId={t.model_id} isInRow /> : ""),
  },
  {
    id: "tags",
    word: "Tags",
    width: "150px",
    fact: (t) => Object.values(t.tags).join(" · "),
    cell: (t) => <Tags tags={t.tags} />,
  },
  {
    id: "steps",
    word: "Steps",
    width: "64px",
    isRight: true,
    fact: (t) => plural(t.span_count, "step"),
    cell: (t) => <span className="num">{count(t.span_count)}</span>,
  },
  {
    id: "failed",
    word: "Failed steps",
    width: "150px",
    sort: "errors",
    fact: (t) => (t.error_count ? `${plural(t.error_count, "step")} failed` : null),
    cell: (t) => <span title={t.failed_steps.join(", ")}>{failedSteps(t)}</span>,
  },
  {
    id: "feedback",
    word: "Feedback",
    width: "120px",
    fact: feedback,
    cell: (t) => text(feedback(t)),
  },
  {
    id: "experiment",
    word: "Experiment",
    width: "110px",
    fact: (t) => t.experiment,
    cell: (t) => text(t.experiment),
  },
];

export const DEFAULT_COLUMNS = ["time", "state", "name", "input", "output", "latency", "tokens", "cost", "model"];

/** Steps that failed without failing the trace: it has no other sign of them. */
export function FailedBelow({ trace }: { trace: Trace }) {
  if (trace.state !== "OK" || !trace.error_count) return null;
  const said = `${plural(trace.error_count, "step")} failed`;
  return (
    <span className="badge error failed-below" title={`${said}: ${trace.failed_steps.join(", ")}`}>
      <CircleAlert aria-hidden />
      <span aria-hidden="true">{shortCount(trace.error_count)}</span>
      <span className="visually-hidden">{said}</span>
    </span>
  );
}

function failedSteps(trace: Trace): string {
  const [first, ...more] = trace.failed_steps;
  return first === undefined ? "" : more.length ? `${first} and ${more.length} more` : first;
}

function feedback(trace: Trace): string {
  return trace.assessments.map((given) => `${given.name}: ${JSON.stringify(given.value)}`).join(", ");
}

function tokens(trace: Trace): string {
  return trace.usage ? `${count(trace.usage.input_tokens ?? 0)} in, ${count(trace.usage.output_tokens ?? 0)} out` : "";
}

/** With milliseconds; a year takes their place and that of the seconds. */
function Moment({ ns }: { ns: number }) {
  const said = moment(ns);
  if (said.length >= 18) return minuteOf(ns / 1e6);
  return (
    <>
      {said}
      <span className="dim">{milliseconds(ns)}</span>
    </>
  );
}

/** A failed trace has no answer of its own: what it has is that of some step before. */
function output(trace: Trace): ReactNode {
  return trace.state === "ERROR" && trace.failed_steps.length ? (
    <FailedIn trace={trace} />
  ) : (
    <Preview text={trace.response_preview} />
  );
}

/** In which steps a failed trace failed. */
export function FailedIn({ trace }: { trace: Trace }) {
  if (trace.state !== "ERROR" || !trace.failed_steps.length) return null;
  return (
    <span className="bad" title={trace.failed_steps.join(", ")}>
      Failed in <bdi>{failedSteps(trace)}</bdi>
    </span>
  );
}

function Preview({ text }: { text: string | null }) {
  return <bdi className="dim2">{preview(text)}</bdi>;
}

function Tags({ tags }: { tags: Record<string, string> }) {
  return Object.entries(tags).map(([key, value]) => (
    <span key={key} className="badge">
      {key}: {value}
    </span>
  ));
}

// The columns that a list of traces can have.

import type { ReactNode } from "react";
import type { Trace } from "../api/types";
import { count, duration, fullTime, moment, money, shortCount, totalTokens } from "../format";
import { modelNames } from "../ui/models";
import { StateBadge } from "../ui/State";
import { preview } from "./preview";

export interface Column {
  id: string;
  word: string;
  width: string;
  isRight?: boolean;
  sort?: string;
  cell: (trace: Trace) => ReactNode;
}

const text = (value: string | null | undefined) => <span title={value ?? ""}>{value ?? ""}</span>;

export const COLUMNS: Column[] = [
  {
    id: "time",
    word: "Time",
    width: "124px",
    sort: "timestamp",
    cell: (t) => (
      <span className="num" title={fullTime(t.start_ns)}>
        {moment(t.start_ns)}
      </span>
    ),
  },
  { id: "state", word: "State", width: "104px", sort: "state", cell: (t) => <StateBadge state={t.state} /> },
  {
    id: "name",
    word: "Name",
    width: "minmax(140px, 1fr)",
    sort: "name",
    cell: (t) => <span className="strong">{t.name ?? "(no name yet)"}</span>,
  },
  { id: "input", word: "Input", width: "minmax(160px, 1.7fr)", cell: (t) => <Preview text={t.request_preview} /> },
  { id: "output", word: "Output", width: "minmax(160px, 1.7fr)", cell: (t) => <Preview text={t.response_preview} /> },
  {
    id: "latency",
    word: "Latency",
    width: "84px",
    isRight: true,
    sort: "duration",
    cell: (t) => <span className="num">{t.state === "IN_PROGRESS" ? "…" : duration(t.duration_ns)}</span>,
  },
  {
    id: "tokens",
    word: "Tokens",
    width: "76px",
    isRight: true,
    sort: "tokens",
    cell: (t) => (
      <span className="num" title={tokens(t)}>
        {t.usage ? shortCount(totalTokens(t.usage)) : ""}
      </span>
    ),
  },
  {
    id: "cost",
    word: "Cost",
    width: "84px",
    isRight: true,
    sort: "cost",
    cell: (t) => <span className="num">{t.cost ? money(t.cost.total_cost) : ""}</span>,
  },
  {
    id: "model",
    word: "Model",
    width: "130px",
    cell: (t) => <span title={t.models.join(", ")}>{modelNames(t.models)}</span>,
  },
  { id: "session", word: "Session", width: "110px", sort: "session", cell: (t) => text(t.session_id) },
  { id: "user", word: "User", width: "100px", sort: "user", cell: (t) => text(t.user) },
  { id: "version", word: "Version", width: "110px", sort: "version", cell: (t) => text(t.model_id) },
  { id: "tags", word: "Tags", width: "150px", cell: (t) => <Tags tags={t.tags} /> },
  {
    id: "steps",
    word: "Steps",
    width: "64px",
    isRight: true,
    cell: (t) => <span className="num">{count(t.span_count)}</span>,
  },
  {
    id: "feedback",
    word: "Feedback",
    width: "120px",
    cell: (t) => text(t.assessments.map((given) => `${given.name}: ${JSON.stringify(given.value)}`).join(", ")),
  },
  { id: "experiment", word: "Experiment", width: "110px", cell: (t) => text(t.experiment) },
];

export const DEFAULT_COLUMNS = ["time", "state", "name", "input", "output", "latency", "tokens", "cost", "model"];

function tokens(trace: Trace): string {
  return trace.usage ? `${count(trace.usage.input_tokens ?? 0)} in, ${count(trace.usage.output_tokens ?? 0)} out` : "";
}

function Preview({ text }: { text: string | null }) {
  return <span className="dim2">{preview(text)}</span>;
}

function Tags({ tags }: { tags: Record<string, string> }) {
  return Object.entries(tags).map(([key, value]) => (
    <span key={key} className="badge">
      {key}: {value}
    </span>
  ));
}

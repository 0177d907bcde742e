// One row whole: what was asked, expected and answered, and why each score was given.

import { useQuery } from "@tanstack/react-query";
import { ExternalLink, GitCompareArrows, X } from "lucide-react";
import { Link } from "wouter";
import { spanPayload } from "../api/queries";
import type { Json } from "../api/types";
import { TextValue, Value } from "../text/Value";
import { traceAddress } from "../trace/neighbours";
import { preview } from "../traces/preview";
import { Problem } from "../ui/Problem";
import type { Answer, EvaluationRow, Score } from "./api";
import { scoreOf } from "./Matrix";
import { ScoreCell } from "./scores";

interface Props {
  row: EvaluationRow;
  names: { run: string; base: string };
  onClose: () => void;
}

export function RowPanel({ row, names, onClose }: Props) {
  const { answer, base } = row;
  const scores = [...new Set([...answer.scores, ...(base?.scores ?? [])].map((score) => score.name))];
  return (
    <aside className="row-panel" aria-label="Row" tabIndex={0}>
      <div className="row-panel-head">
        <Link className="button" href={traceAddress(answer.trace_id, null)} title="Open the trace (Enter)">
          <ExternalLink aria-hidden /> Trace
        </Link>
        {base && (
          <Link className="button" href={`/compare?a=${base.trace_id}&b=${answer.trace_id}`}>
            <GitCompareArrows aria-hidden /> Both traces
          </Link>
        )}
        <button
          type="button"
          className="button quiet square"
          aria-label="Close the row"
          title="Close the row (Esc)"
          onClick={onClose}
        >
          <X aria-hidden />
        </button>
      </div>
      {row.only_in && (
        <p className="dim">
          {row.only_in === "run" ? `Only ${names.run} has this row.` : `Only ${names.base} has this row.`}
        </p>
      )}
      <h2 className="section-title">Input</h2>
      <Payload answer={answer} what="inputs" fallback={row.request_preview} />
      {Object.keys(row.expectations).length > 0 && (
        <>
          <h2 className="section-title">Expected</h2>
          <Value value={row.expectations as Json} label="Expected" />
        </>
      )}
      <h2 className="section-title">{base ? `Answer of ${names.run}` : "Answer"}</h2>
      <Said answer={answer} />
      {base && (
        <>
          <h2 className="section-title">Answer of {names.base}</h2>
          <Said answer={base} />
        </>
      )}
      {scores.length > 0 && (
        <>
          <h2 className="section-title">Scores</h2>
          <ul className="row-scores num">
            {scores.map((name) => (
              <Given
                key={name}
                name={name}
                score={scoreOf(answer, name)}
                before={base ? scoreOf(base, name) : undefined}
                row={row}
              />
            ))}
          </ul>
        </>
      )}
    </aside>
  );
}

function Said({ answer }: { answer: Answer }) {
  if (answer.state === "ERROR") return <p className="bad">{answer.error ?? "It failed"}</p>;
  return <Payload answer={answer} what="outputs" fallback={answer.response_preview} />;
}

/** What the trace's first step was given or gave, whole; its beginning until that has come. */
function Payload({ answer, what, fallback }: { answer: Answer; what: "inputs" | "outputs"; fallback: string | null }) {
  const { data, error } = useQuery({
    ...spanPayload(answer.trace_id, answer.root_span_id ?? ""),
    enabled: answer.root_span_id !== null,
  });
  if (error) return <Problem error={error} />;
  if (!data) return <p className="dim">{preview(fallback)}</p>;
  const value = data[what];
  return value === null ? <p className="dim">Nothing</p> : <Value value={value} label={what} />;
}

interface GivenProps {
  name: string;
  score: Score | undefined;
  before: Score | undefined;
  row: EvaluationRow;
}

function Given({ name, score, before, row }: GivenProps) {
  const judge = score?.judge_trace_id;
  return (
    <li>
      <div className="row-score">
        <span>{name}</span>
        <ScoreCell score={score} before={before} change={row.changes[name]} />
      </div>
      {score?.error && <p className="warn-text">{score.error}</p>}
      {score?.rationale && <TextValue text={score.rationale} label="Rationale" />}
      {before?.rationale && before.rationale !== score?.rationale && (
        <div className="rationale-before">
          <span className="dim">Before</span>
          <TextValue text={before.rationale} label="Rationale before" />
        </div>
      )}
      {judge && (
        <Link className="dim" href={traceAddress(judge, null)}>
          Trace of the judge
        </Link>
      )}
    </li>
  );
}

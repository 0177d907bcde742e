// One variant: the request to edit, and below it the reply.

import { Copy, GitCompareArrows, Play, Square, X } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { LightSpan } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { duration, money, percent, shortCount } from "../format";
import type { Dialect, Fields } from "./body";
import { Messages } from "./Messages";
import { compareAddress, type ModelServer } from "./queries";
import type { Run } from "./run";
import { Settings } from "./Settings";

export interface Variant {
  id: number;
  body: Fields;
  server: string;
  run: Run | null;
  /** Places in the body where something is typed that is no JSON. */
  wrong: string[];
}

export interface Figures {
  duration: number | null;
  firstChunk: number | null;
  input: number | null;
  output: number | null;
  cost: number | null;
}

export const figuresOf = (span: LightSpan): Figures => ({
  duration: span.duration_ns ?? null,
  firstChunk: span.first_chunk_ns ?? null,
  input: span.usage?.input_tokens ?? null,
  output: span.usage?.output_tokens ?? null,
  cost: span.cost?.total_cost ?? null,
});

interface Props {
  number: number;
  variant: Variant;
  dialect: Dialect;
  servers: ModelServer[];
  base: Figures | null;
  origin: { trace_id: string; span_id: string } | null;
  isAlone: boolean;
  canRun: boolean;
  onChange: (changes: Partial<Variant>) => void;
  onRun: () => void;
  onStop: () => void;
  onCopy: () => void;
  onRemove: () => void;
}

export function VariantColumn(props: Props) {
  const { number, variant, dialect, servers, onChange } = props;
  const { run } = variant;
  const setBody = (body: Fields) => onChange({ body });
  const mark = (place: string, isWrong: boolean) => {
    if (variant.wrong.includes(place) !== isWrong)
      onChange({ wrong: isWrong ? [...variant.wrong, place] : variant.wrong.filter((one) => one !== place) });
  };
  return (
    <li className="try-column" id={`variant-${variant.id}`} data-variant={variant.id} aria-label={`Variant ${number}`}>
      <header className="try-head">
        <h2>Variant {number}</h2>
        <div className="try-actions">
          <button
            type="button"
            className="button quiet square"
            aria-label={`Copy variant ${number}`}
            title="Copy this variant"
            onClick={props.onCopy}
          >
            <Copy aria-hidden />
          </button>
          {!props.isAlone && (
            <button
              type="button"
              className="button quiet square"
              aria-label={`Remove variant ${number}`}
              title="Remove this variant"
              onClick={props.onRemove}
            >
              <X aria-hidden />
            </button>
          )}
          {run?.state === "running" ? (
            <button type="button" className="button" aria-label={`Stop variant ${number}`} onClick={props.onStop}>
              <Square aria-hidden /> Stop
            </button>
          ) : (
            <button
              type="button"
              className="button"
              aria-label={`Run variant ${number}`}
              title="Run (Ctrl Enter)"
              disabled={!props.canRun}
              onClick={props.onRun}
            >
              <Play aria-hidden /> Run
            </button>
          )}
        </div>
      </header>
      <section className="try-editor" aria-label={`Request of variant ${number}`}>
        <Settings
          dialect={dialect}
          body={variant.body}
          server={variant.server}
          servers={servers}
          onBody={setBody}
          onServer={(server) => onChange({ server })}
          onWrong={mark}
        />
        <Messages dialect={dialect} body={variant.body} onChange={setBody} onWrong={mark} />
      </section>
      <section
        className="try-reply"
        aria-label={`Reply of variant ${number}`}
        tabIndex={0}
        aria-busy={run?.state === "running"}
      >
        {run ? <Reply {...props} run={run} /> : <p className="dim">The reply comes here.</p>}
      </section>
    </li>
  );
}

function Reply({ run, base, origin }: Props & { run: Run }) {
  const figures = run.span ? figuresOf(run.span) : null;
  return (
    <>
      <p className="try-figures num">
        {run.state === "running" && <span className="badge run">running</span>}
        {run.state === "stopped" && <span className="badge warn">stopped</span>}
        {figures && (
          <>
            <Against word={duration(figures.duration)} value={figures.duration} base={base?.duration} />
            {figures.firstChunk !== null && <span>first chunk {duration(figures.firstChunk)}</span>}
            {figures.input !== null && (
              <Against
                word={`${shortCount(figures.input)} → ${shortCount(figures.output ?? 0)} tokens`}
                value={figures.input + (figures.output ?? 0)}
                base={base && base.input !== null ? base.input + (base.output ?? 0) : null}
              />
            )}
            {figures.cost !== null && <Against word={money(figures.cost)} value={figures.cost} base={base?.cost} />}
          </>
        )}
        {run.trace && (
          <span className="try-links">
            <Link href={`/traces/${run.trace.trace_id}`}>Trace</Link>
            {origin && (
              <Link href={compareAddress(origin.trace_id, origin.span_id, run.trace.trace_id)}>
                <GitCompareArrows className="icon" aria-hidden /> Compare
              </Link>
            )}
          </span>
        )}
      </p>
      {run.problem && (
        <p className="notice error" role="alert">
          {run.problem}
        </p>
      )}
      <Conversation input={[]} output={run.messages} />
    </>
  );
}

/** A figure, and its change against the recorded one. */
function Against({ word, value, base }: { word: ReactNode; value: number | null; base: number | null | undefined }) {
  const change = value !== null && base ? value / base - 1 : null;
  return (
    <span>
      {word}
      {change !== null && Math.abs(change) >= 0.005 && (
        <span className="dim" title="against the recorded call">
          {" "}
          {change > 0 ? "+" : "−"}
          {percent(Math.abs(change), 1)}
        </span>
      )}
    </span>
  );
}

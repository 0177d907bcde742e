// Summary of a trace in one line, and its actions.

import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, ChevronDown, ChevronUp, Clock, Coins, GitCompareArrows, Layers, Timer, User } from "lucide-react";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { runNamed } from "../api/queries";
import type { Json, Trace } from "../api/types";
import { addOne } from "../datasets/rows";
import { count, duration, fullTime, moment, money, plural, totalTokens } from "../format";
import { condition } from "../traces/conditions";
import { useKeys } from "../ui/keys";
import { modelNames } from "../ui/models";
import { StateBadge } from "../ui/State";
import { VersionName, versionAddress } from "../ui/VersionName";
import { AddToDataset } from "./AddToDataset";
import { Belongings } from "./Belongings";
import { CopyMenu } from "./CopyMenu";
import { DeleteTrace } from "./DeleteTrace";
import { listAddress, traceAddress, useNeighbours } from "./neighbours";
import { Thumbs } from "./Thumbs";

export function TraceHead({ trace, resource }: { trace: Trace; resource: Record<string, Json> }) {
  const [, navigate] = useLocation();
  const { newer, older } = useNeighbours(trace);
  const go = (id: string | null) => id && navigate(traceAddress(id));
  useKeys({ "[": () => go(newer), "]": () => go(older) });
  const tags = Object.entries(trace.tags);
  return (
    <header className="trace-head">
      <div className="trace-title">
        <Link href={listAddress()} className="button quiet square" aria-label="All traces" title="All traces (Esc)">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 dir="auto" title={trace.name ?? ""}>
          {trace.name ?? "(no name yet)"}
        </h1>
        <StateBadge state={trace.state} />
        <div className="trace-actions">
          <Thumbs trace={trace} />
          <button
            type="button"
            className="button quiet square"
            disabled={!newer}
            aria-label="Newer trace"
            title="Newer trace ([)"
            onClick={() => go(newer)}
          >
            <ChevronUp aria-hidden />
          </button>
          <button
            type="button"
            className="button quiet square"
            disabled={!older}
            aria-label="Older trace"
            title="Older trace (])"
            onClick={() => go(older)}
          >
            <ChevronDown aria-hidden />
          </button>
          <Link
            href={older ? `/compare?a=${older}&b=${trace.trace_id}` : `/compare?b=${trace.trace_id}`}
            className="button quiet"
            title="Compare with another trace"
            aria-label="Compare with another trace"
          >
            <GitCompareArrows aria-hidden /> <span className="wide-only">Compare</span>
          </Link>
          <AddToDataset add={addOne(trace.trace_id)} />
          <CopyMenu trace={trace} />
          <DeleteTrace traceId={trace.trace_id} />
        </div>
      </div>
      <dl className="facts">
        <Fact
          icon={<Timer aria-hidden />}
          name="Duration"
          text={
            trace.state === "IN_PROGRESS" ? "running" : trace.duration_ns === null ? null : duration(trace.duration_ns)
          }
        />
        <Fact
          icon={<Layers aria-hidden />}
          name="Tokens"
          text={trace.usage ? `${count(totalTokens(trace.usage))} tokens` : null}
          title={
            trace.usage
              ? `${count(trace.usage.input_tokens ?? 0)} in, ${count(trace.usage.output_tokens ?? 0)} out`
              : ""
          }
        />
        <Fact icon={<Coins aria-hidden />} name="Cost" text={trace.cost ? money(trace.cost.total_cost) : null} />
        <Fact
          icon={<Clock aria-hidden />}
          name="Started"
          text={moment(trace.start_ns)}
          title={fullTime(trace.start_ns)}
        />
        <Fact name="Steps" text={plural(trace.span_count, "step")} />
        {trace.models.length > 0 && (
          <Fact name="Models" text={modelNames(trace.models)} title={trace.models.join(", ")} />
        )}
        {trace.session_id && (
          <div>
            <dt className="visually-hidden">Session</dt>
            <dd>
              <Link
                className="long-id"
                href={`/sessions/${encodeURIComponent(trace.session_id)}`}
                title={trace.session_id}
              >
                session {trace.session_id}
              </Link>
            </dd>
          </div>
        )}
        <Fact icon={<User aria-hidden />} name="User" text={trace.user} title={trace.user ?? ""} />
        {trace.model_id && (
          <div>
            <dt className="visually-hidden">Version</dt>
            <dd>
              <Link className="long-id" href={versionAddress(trace.model_id)}>
                version <VersionName modelId={trace.model_id} />
              </Link>
            </dd>
          </div>
        )}
        {trace.run_id && <RunLink runId={trace.run_id} />}
        <Belongings trace={trace} />
        <Fact name="Service" text={serviceOf(resource)} title="Service" />
        {tags.map(([key, value]) => (
          <div key={key}>
            <dt className="visually-hidden">Tag {key}</dt>
            <dd>
              <Link className="badge long-id" title={`${key}: ${value}`} href={tracesWith(`tags.${key}`, value)}>
                {key}: {value}
              </Link>
            </dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

function RunLink({ runId }: { runId: string }) {
  const { data } = useQuery(runNamed(runId));
  const [run] = data?.runs ?? [];
  if (!run) return null; // it may have been deleted
  return (
    <div>
      <dt className="visually-hidden">Run</dt>
      <dd>
        <Link className="long-id" title={runId} href={`/evaluations/${encodeURIComponent(runId)}`}>
          run {run.name}
        </Link>
      </dd>
    </div>
  );
}

const tracesWith = (field: string, value: string) => `/traces?filter=${encodeURIComponent(condition(field, value))}`;

function Fact({ icon, name, text, title }: { icon?: ReactNode; name: string; text: string | null; title?: string }) {
  if (!text) return null;
  return (
    <div title={title}>
      <dt className="visually-hidden">{name}</dt>
      <dd className="num">
        {icon}
        <bdi className="long-id">{text}</bdi>
      </dd>
    </div>
  );
}

/** OpenTelemetry's placeholder for a service without a name is not shown. */
function serviceOf(resource: Record<string, Json>): string | null {
  const name = resource["service.name"];
  return typeof name === "string" && !name.startsWith("unknown_service") ? name : null;
}

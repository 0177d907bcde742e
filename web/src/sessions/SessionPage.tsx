// A session as one conversation: every turn is a trace.

import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowLeft, CircleAlert, ThumbsDown, ThumbsUp } from "lucide-react";
import { Link } from "wouter";
import { useChanges } from "../api/live";
import { refreshAll, sessionTurns } from "../api/queries";
import type { Message, Trace } from "../api/types";
import { Conversation } from "../chat/Conversation";
import { duration, fullTime, moment, money, plural, totalTokens } from "../format";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { ModeChoice } from "../text/mode";
import { TextValue } from "../text/Value";
import { FailedBelow, FailedIn } from "../traces/columns";
import { preview } from "../traces/preview";
import { Problem } from "../ui/Problem";
import { StateBadge } from "../ui/State";

export default function SessionPage({ sessionId }: { sessionId: string }) {
  const query = useInfiniteQuery(sessionTurns(sessionId));
  useChanges(refreshAll, 2_000);
  const session = query.data?.pages[0]?.session;
  const turns = query.data?.pages.flatMap((page) => page.turns) ?? [];
  return (
    <div className="page session">
      <header className="page-head">
        <Link href="/sessions" className="button quiet square" aria-label="All sessions" title="All sessions">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="long-title">Session {sessionId}</h1>
        <div className="page-tools">
          <ModeChoice />
        </div>
      </header>
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {session && (
        <ul className="facts session-facts">
          <li>{plural(session.trace_count, "turn")}</li>
          {session.error_count > 0 && <li className="bad">{session.error_count} failed</li>}
          {session.users.length > 0 && <li>{session.users.join(", ")}</li>}
          <li title={`${fullTime(session.start_ns)} to ${fullTime(session.end_ns)}`}>
            {moment(session.start_ns)}, {duration(session.end_ns - session.start_ns)}
          </li>
          {session.usage && <li>{plural(totalTokens(session.usage) ?? 0, "token")}</li>}
          {session.cost && <li>{money(session.cost.total_cost)}</li>}
        </ul>
      )}
      <div className="session-body">
        {turns.length > 1 && <Contents traces={turns.map((turn) => turn.trace)} />}
        <ol className="turns">
          {turns.map((turn, index) => (
            <Turn key={turn.trace.trace_id} trace={turn.trace} messages={turn.messages} number={index + 1} />
          ))}
        </ol>
      </div>
      {query.hasNextPage && (
        <button
          type="button"
          className="button more-button"
          disabled={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show later turns
        </button>
      )}
    </div>
  );
}

/** Every turn in a line, with what went wrong and what people thought of it. */
function Contents({ traces }: { traces: Trace[] }) {
  return (
    <nav className="contents" aria-label="Turns">
      <ol>
        {traces.map((trace, index) => (
          <li key={trace.trace_id}>
            <a
              href={`#turn-${index + 1}`}
              onClick={(event) => {
                event.preventDefault();
                document.getElementById(`turn-${index + 1}`)?.scrollIntoView();
              }}
            >
              <span className="num dim">{index + 1}</span>
              <bdi className="contents-text">{preview(trace.request_preview) || trace.name || "trace"}</bdi>
              {trace.state === "ERROR" && (
                <span className="bad">
                  <CircleAlert aria-hidden />
                  <span className="visually-hidden">failed</span>
                </span>
              )}
              <FailedBelow trace={trace} />
              <Verdict trace={trace} />
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** A thumb for feedback that is yes or no. */
function Verdict({ trace }: { trace: Trace }) {
  const given = trace.assessments.filter((one) => one.type === "feedback" && typeof one.value === "boolean");
  const last = given.at(-1);
  if (!last) return null;
  const Icon = last.value ? ThumbsUp : ThumbsDown;
  const said = `${last.name}: ${last.value ? "yes" : "no"}`;
  return (
    <span className={last.value ? "good" : "bad"} title={said}>
      <Icon aria-hidden />
      <span className="visually-hidden">{said}</span>
    </span>
  );
}

function Turn({ trace, messages, number }: { trace: Trace; messages: Message[]; number: number }) {
  return (
    <li id={`turn-${number}`}>
      <div className="turn-head">
        <h2>
          <Link href={`/traces/${trace.trace_id}`}>
            {number}. {trace.name ?? "trace"}
          </Link>
        </h2>
        {trace.state !== "OK" && <StateBadge state={trace.state} />}
        <FailedBelow trace={trace} />
        <FailedIn trace={trace} />
        <span className="dim num">
          {moment(trace.start_ns)} · {trace.state === "IN_PROGRESS" ? "running" : duration(trace.duration_ns)}
          {trace.usage ? ` · ${plural(totalTokens(trace.usage) ?? 0, "token")}` : ""}
          {trace.cost ? ` · ${money(trace.cost.total_cost)}` : ""}
        </span>
      </div>
      <ErrorBoundary part="This turn">
        {messages.length ? <Conversation input={messages} output={[]} /> : <Previews trace={trace} />}
      </ErrorBoundary>
    </li>
  );
}

/** A trace without a model call shows its own input and output. */
function Previews({ trace }: { trace: Trace }) {
  return (
    <dl className="fields">
      {[
        ["in", trace.request_preview],
        ["out", trace.response_preview],
      ].map(([word, text]) =>
        text ? (
          <div key={word}>
            <dt>{word}</dt>
            <dd>
              <TextValue text={preview(text)} label={word ?? ""} />
            </dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

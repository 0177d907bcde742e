// List of sessions: conversations of several traces.

import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowDown } from "lucide-react";
import { useRef } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { refreshAll, sessionList } from "../api/queries";
import type { Session } from "../api/types";
import { count, duration, fullTime, moment, money, plural, shortCount, totalTokens } from "../format";
import { Code } from "../text/Code";
import { FilterBox } from "../traces/FilterBox";
import { preview } from "../traces/preview";
import { useKeys } from "../ui/keys";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";

const LINES = `@tracer.trace
def reply(question: str) -> str:
    tracer.update_current_trace(session_id="chat-17", user="ann")
    ...`;

const COLUMNS: [string, string | null][] = [
  ["Last active", "time"],
  ["Session", null],
  ["User", null],
  ["First said", null],
  ["Last answer", null],
  ["Turns", "traces"],
  ["Errors", "errors"],
  ["Tokens", "tokens"],
  ["Cost", "cost"],
  ["Length", "duration"],
];

export default function SessionsPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const order = url.get("order") ?? "time";
  const sortBy = (key: string) => setUrl({ order: key === "time" ? null : key });
  const query = useInfiniteQuery(sessionList(selection, order));
  useChanges(refreshAll, 3_000);
  const isNarrow = useMedia("(max-width: 720px)");
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  const isSyntax = query.error instanceof ApiError && query.error.code === "filter_syntax";
  const sessions = query.data?.pages.flatMap((page) => page.sessions) ?? [];
  return (
    <div className="page">
      <PageHead title="Sessions" url={url} onChange={setUrl} />
      <div className="toolbar page-filter">
        <FilterBox
          value={selection.filter}
          error={query.error}
          onChange={(filter) => setUrl({ filter })}
          box={box}
          label="Search and filter sessions"
        />
        {isNarrow && (
          <select className="field" aria-label="Sort by" value={order} onChange={(event) => sortBy(event.target.value)}>
            {COLUMNS.map(
              ([word, key]) =>
                key && (
                  <option key={key} value={key}>
                    {word}
                  </option>
                ),
            )}
          </select>
        )}
      </div>
      {query.isError && !isSyntax && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && sessions.length === 0 && (
        <div className="page-empty">
          <h2>{selection.filter ? "No session fits" : `No sessions ${selection.since_ns ? "in this time" : "yet"}`}</h2>
          {selection.filter ? (
            <p>No trace of a session was found for this filter and time.</p>
          ) : (
            <>
              <p>Traces that say which conversation they belong to are shown here as one.</p>
              <Code code={LINES} language="python" />
            </>
          )}
        </div>
      )}
      {sessions.length > 0 && isNarrow && <Cards sessions={sessions} />}
      {sessions.length > 0 && !isNarrow && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                {COLUMNS.map(([word, key]) => (
                  <th
                    key={word}
                    scope="col"
                    className={key && key !== "time" ? "right" : ""}
                    aria-sort={key === order ? "descending" : undefined}
                  >
                    {key ? (
                      <button
                        type="button"
                        className="sort"
                        onClick={() => sortBy(key)}
                        title={`Sort by ${word.toLowerCase()}`}
                      >
                        {word}
                        {key === order && <ArrowDown aria-hidden />}
                      </button>
                    ) : (
                      word
                    )}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {sessions.map((session) => (
                <tr key={session.session_id}>
                  <td className="num nowrap" title={fullTime(session.end_ns)}>
                    {moment(session.end_ns)}
                  </td>
                  <td className="clip-id">
                    <Link
                      className="strong"
                      title={session.session_id}
                      href={`/sessions/${encodeURIComponent(session.session_id)}`}
                    >
                      {session.session_id}
                    </Link>
                  </td>
                  <td className="clip-id" title={session.users.join(", ")}>
                    {session.users.join(", ")}
                  </td>
                  <td className="clip" dir="auto">
                    {preview(session.first_request_preview)}
                  </td>
                  <td className="clip" dir="auto">
                    {preview(session.last_response_preview)}
                  </td>
                  <td className="right num">{count(session.trace_count)}</td>
                  <td className={`right num ${session.error_count ? "bad" : "dim"}`}>{count(session.error_count)}</td>
                  <td className="right num">{session.usage ? shortCount(totalTokens(session.usage)) : ""}</td>
                  <td className="right num">{session.cost ? money(session.cost.total_cost) : ""}</td>
                  <td className="right num nowrap">{duration(session.end_ns - session.start_ns)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {query.hasNextPage && (
        <button
          type="button"
          className="button more-button"
          disabled={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </button>
      )}
    </div>
  );
}

function Cards({ sessions }: { sessions: Session[] }) {
  return (
    <ul className="cards">
      {sessions.map((session) => (
        <li key={session.session_id} className="card">
          <h2>
            <Link href={`/sessions/${encodeURIComponent(session.session_id)}`}>
              <bdi>{session.session_id}</bdi>
            </Link>
          </h2>
          <p className="clip-lines" dir="auto">
            {preview(session.first_request_preview)}
          </p>
          <p className="dim num">
            {[
              moment(session.end_ns),
              plural(session.trace_count, "turn"),
              session.error_count ? `${count(session.error_count)} failed` : "",
              session.cost ? money(session.cost.total_cost) : "",
              session.users.join(", "),
            ]
              .filter(Boolean)
              .join(" · ")}
          </p>
        </li>
      ))}
    </ul>
  );
}

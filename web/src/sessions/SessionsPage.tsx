// List of sessions: conversations of several traces.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useChanges } from "../api/live";
import { refreshAll, sessionList } from "../api/queries";
import { count, duration, fullTime, moment, money, shortCount, totalTokens } from "../format";
import { Code } from "../text/Code";
import { preview } from "../traces/preview";
import { PageHead } from "../ui/PageHead";
import { Problem } from "../ui/Problem";
import { useSelection } from "../ui/range";
import { useUrlState } from "../ui/url";

const LINES = `@tracer.trace
def reply(question: str) -> str:
    tracer.update_current_trace(session_id="chat-17", user="ann")
    ...`;

export default function SessionsPage() {
  const [url, setUrl] = useUrlState();
  const selection = useSelection(url);
  const query = useInfiniteQuery(sessionList(selection));
  useChanges(refreshAll, 3_000);
  const sessions = query.data?.pages.flatMap((page) => page.sessions) ?? [];
  return (
    <div className="page">
      <PageHead title="Sessions" url={url} onChange={setUrl} />
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && sessions.length === 0 && (
        <div className="page-empty">
          <h2>No sessions {selection.since_ns ? "in this time" : "yet"}</h2>
          <p>Traces that say which conversation they belong to are shown here as one.</p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {sessions.length > 0 && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                <th scope="col">Last active</th>
                <th scope="col">Session</th>
                <th scope="col">User</th>
                <th scope="col">First said</th>
                <th scope="col">Last answer</th>
                <th scope="col" className="right">
                  Turns
                </th>
                <th scope="col" className="right">
                  Errors
                </th>
                <th scope="col" className="right">
                  Tokens
                </th>
                <th scope="col" className="right">
                  Cost
                </th>
                <th scope="col" className="right">
                  Length
                </th>
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
                  <td className="clip">{preview(session.first_request_preview)}</td>
                  <td className="clip">{preview(session.last_response_preview)}</td>
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

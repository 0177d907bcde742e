// What came of trying a call again, and of forking its trace there, below the call.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { ago, fullTime, plural } from "../format";
import { Disclosure } from "../ui/Disclosure";
import { modelNames } from "../ui/models";
import { compareAddress, FORKED_SPAN, TRIED_SPAN, triesFilter, triesOf, wholeCompareAddress } from "./queries";

export function Tries({ traceId, spanId }: { traceId: string; spanId: string }) {
  const { data } = useQuery(triesOf(traceId));
  const tries = data?.filter((trace) => trace.metadata[TRIED_SPAN] === spanId) ?? [];
  const forks = data?.filter((trace) => trace.metadata[FORKED_SPAN] === spanId) ?? [];
  if (!tries.length && !forks.length) return null;
  const summary = [
    tries.length ? `Tried again ${plural(tries.length, "time")}` : "",
    forks.length ? `Forked here ${plural(forks.length, "time")}` : "",
  ];
  return (
    <Disclosure className="tries" summary={summary.filter(Boolean).join(" · ")}>
      {() => (
        <ul className="tries-list">
          {[...tries, ...forks].map((trace) => (
            <li key={trace.trace_id}>
              <Link href={`/traces/${trace.trace_id}`}>{modelNames(trace.models) || trace.name}</Link>{" "}
              <span className="dim" title={fullTime(trace.start_ns)}>
                {ago(trace.start_ns)}
              </span>{" "}
              <span className="clip dim" dir="auto">
                {trace.response_preview}
              </span>{" "}
              <Link
                href={
                  forks.includes(trace)
                    ? wholeCompareAddress(traceId, trace.trace_id)
                    : compareAddress(traceId, spanId, trace.trace_id)
                }
              >
                compare
              </Link>
            </li>
          ))}
          <li>
            <Link href={`/traces?${new URLSearchParams({ filter: triesFilter(traceId) })}`}>all in the list</Link>
          </li>
        </ul>
      )}
    </Disclosure>
  );
}

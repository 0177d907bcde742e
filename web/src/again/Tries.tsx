// What came of trying a call again, below the call.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { ago, fullTime, plural } from "../format";
import { Disclosure } from "../ui/Disclosure";
import { modelNames } from "../ui/models";
import { compareAddress, TRIED_SPAN, triesFilter, triesOf } from "./queries";

export function Tries({ traceId, spanId }: { traceId: string; spanId: string }) {
  const { data } = useQuery(triesOf(traceId));
  const tries = data?.filter((trace) => trace.metadata[TRIED_SPAN] === spanId) ?? [];
  if (!tries.length) return null;
  return (
    <Disclosure className="tries" summary={`Tried again ${plural(tries.length, "time")}`}>
      {() => (
        <ul className="tries-list">
          {tries.map((trace) => (
            <li key={trace.trace_id}>
              <Link href={`/traces/${trace.trace_id}`}>{modelNames(trace.models) || trace.name}</Link>{" "}
              <span className="dim" title={fullTime(trace.start_ns)}>
                {ago(trace.start_ns)}
              </span>{" "}
              <span className="clip dim" dir="auto">
                {trace.response_preview}
              </span>{" "}
              <Link href={compareAddress(traceId, spanId, trace.trace_id)}>compare</Link>
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

// What a trace belongs to by its metadata: the prompts that it used, and the call or the trace that it goes through again.

import { Link } from "wouter";
import { compareAddress, forkOf, originOf, wholeCompareAddress } from "../again/queries";
import type { Trace } from "../api/types";
import { promptAddress, promptsOf } from "../prompts/links";

export function Belongings({ trace }: { trace: Trace }) {
  const origin = originOf(trace);
  const fork = forkOf(trace);
  return (
    <>
      {promptsOf(trace).map(({ name, version, asked }) => (
        <div key={`${name}/${version}`}>
          <dt className="visually-hidden">Prompt</dt>
          <dd>
            <Link className="long-id" href={promptAddress(name, version)} title={`loaded as ${asked}`}>
              prompt {name}/{version}
            </Link>
          </dd>
        </div>
      ))}
      {fork && (
        <div>
          <dt className="visually-hidden">Forked from</dt>
          <dd>
            <Link href={`/traces/${fork.traceId}?span=${fork.spanId}`}>forked from a run</Link>,{" "}
            <Link href={wholeCompareAddress(fork.traceId, trace.trace_id)}>compare</Link>
          </dd>
        </div>
      )}
      {origin && (
        <div>
          <dt className="visually-hidden">Tried again from</dt>
          <dd>
            <Link href={`/traces/${origin.traceId}?span=${origin.spanId}`}>tried again from a call</Link>,{" "}
            <Link href={compareAddress(origin.traceId, origin.spanId, trace.trace_id)}>compare</Link>
          </dd>
        </div>
      )}
    </>
  );
}

// The exception of a failed step with its stack trace.

import { CircleAlert, CircleDashed } from "lucide-react";
import type { Span } from "../api/types";
import { Code } from "../text/Code";
import { Cut } from "../text/Cut";
import { EXPANDED_LIMITS, LimitsProvider } from "../text/displayLimits";
import { Disclosure } from "../ui/Disclosure";
import { TypeIcon } from "../ui/SpanType";
import { ownFrames, shortPath } from "./frames";
import { raisedIn } from "./notable";
import type { Node } from "./tree";

const text = (value: unknown) => (typeof value === "string" ? value : "");

interface Props {
  span: Span;
  node: Node;
  onSelect: (spanId: string) => void;
}

const FRAMES_SHOWN = 3;

export function ErrorBox({ span, node, onSelect }: Props) {
  const event = span.events.findLast((candidate) => candidate.name === "exception");
  const isFailed = span.status === "ERROR";
  const incomplete = text(span.attributes["tracer.incomplete"]);
  if (!isFailed && !event && !incomplete) return null;
  const kind = text(event?.attributes["exception.type"]) || text(span.attributes["error.type"]);
  const message = text(event?.attributes["exception.message"]) || span.message || "";
  const stack = text(event?.attributes["exception.stacktrace"]);
  const origin = isFailed ? raisedIn(node) : node;
  const own = ownFrames(stack).slice(0, FRAMES_SHOWN);
  return (
    <section
      className={`notice ${isFailed ? "error" : "warn"} error-box`}
      aria-label={isFailed ? "Error" : "Incomplete"}
    >
      {isFailed ? <CircleAlert aria-hidden /> : <CircleDashed aria-hidden />}
      <div>
        {kind || message ? (
          <>
            {kind && <strong className="mono">{kind}</strong>}
            <Cut text={message}>{(shown) => <p className="plain-text">{shown}</p>}</Cut>
          </>
        ) : (
          isFailed && <p>This step failed without saying why.</p>
        )}
        {incomplete && <p>Ended before its end: {incomplete}</p>}
        {origin !== node && (
          <p>
            {origin.span.message === span.message ? "Raised in " : "Below it failed "}
            <button type="button" className="link-button step-link" onClick={() => onSelect(origin.span.span_id)}>
              <TypeIcon type={origin.span.type} /> {origin.span.name || "(no name)"}
            </button>
          </p>
        )}
        {own.length > 0 && (
          <ol className="frames mono" aria-label="Your code">
            {own.map((frame) => (
              <li key={`${frame.file}:${frame.line}`} title={`${frame.file}:${frame.line}`}>
                <span>
                  {shortPath(frame.file)}:{frame.line}
                  {frame.name && <span className="dim"> in {frame.name}</span>}
                </span>
                {frame.code && <code>{frame.code}</code>}
              </li>
            ))}
          </ol>
        )}
        {stack && (
          <Disclosure summary="Stack trace">
            {() => (
              <LimitsProvider value={EXPANDED_LIMITS}>
                <Code code={stack} language="python" />
              </LimitsProvider>
            )}
          </Disclosure>
        )}
      </div>
    </section>
  );
}

// The exception of a failed step with its stack trace.

import { CircleAlert, CircleDashed } from "lucide-react";
import type { Span } from "../api/types";
import { Code } from "../text/Code";
import { Cut } from "../text/Cut";
import { EXPANDED_LIMITS, LimitsProvider } from "../text/displayLimits";
import { Disclosure } from "../ui/Disclosure";

const text = (value: unknown) => (typeof value === "string" ? value : "");

export function ErrorBox({ span }: { span: Span }) {
  const event = span.events.findLast((candidate) => candidate.name === "exception");
  const isFailed = span.status === "ERROR";
  const incomplete = text(span.attributes["tracer.incomplete"]);
  if (!isFailed && !event && !incomplete) return null;
  const kind = text(event?.attributes["exception.type"]) || text(span.attributes["error.type"]);
  const message = text(event?.attributes["exception.message"]) || span.message || "";
  const stack = text(event?.attributes["exception.stacktrace"]);
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

// Page of an empty store: snippets that record a first trace.

import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { serverInfo } from "../api/queries";
import { Code } from "../text/Code";
import { demoFor, pythonStart } from "../trace/snippets";

const RECORD = "tracer.openai.autolog()  # from here on, every call is recorded";

export function GetStarted({ onRefresh, hasNewTraces }: { onRefresh: () => void; hasNewTraces: boolean }) {
  const { data: server } = useQuery(serverInfo());
  const { origin } = window.location;
  useEffect(() => {
    if (hasNewTraces) onRefresh();
  }, [hasNewTraces, onRefresh]);
  return (
    <div className="page-empty">
      <h1>No traces yet</h1>
      <p>Add these lines to a program that talks to a model, and run it. Its calls show up here as they happen.</p>
      <Code code={`${pythonStart(origin, server)}${RECORD}`} language="python" />
      <p className="gap">Or watch a small agent that needs no key:</p>
      <Code code={demoFor(origin, server)} language="bash" />
      <p className="gap dim" role="status">
        <span className="waiting pulse" /> Waiting for the first trace…
      </p>
    </div>
  );
}

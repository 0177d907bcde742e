// An empty store: the three lines that fill it.

import { useEffect } from "react";
import { Code } from "../text/Code";

const LINES = `import tracer

tracer.openai.autolog()  # from here on, every call is recorded`;

const TRY = `pip install 'tracer-llm[openai]'
tracer demo`;

export function GetStarted({ onRefresh, hasNews }: { onRefresh: () => void; hasNews: boolean }) {
  useEffect(() => {
    if (hasNews) onRefresh();
  }, [hasNews, onRefresh]);
  return (
    <div className="page-empty">
      <h1>No traces yet</h1>
      <p>Add these lines to a program that talks to a model, and run it. Its calls show up here as they happen.</p>
      <Code code={LINES} language="python" />
      <p className="gap">Or watch a small agent that needs no key:</p>
      <Code code={TRY} language="bash" />
      <p className="gap dim" role="status">
        <span className="waiting pulse" /> Waiting for the first trace…
      </p>
    </div>
  );
}

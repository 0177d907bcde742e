// Where in the traces on screen the searched words are, asked as rows come into view.

import { useEffect, useState } from "react";
import { request } from "../api/client";
import type { Snippet, Trace } from "../api/types";

const AT_ONCE = 60;
const WAIT_MS = 60;

interface Known {
  words: string | null;
  byTrace: ReadonlyMap<string, Snippet | null>;
}

export function useSnippets(words: string | null, inView: Trace[]): ReadonlyMap<string, Snippet | null> {
  const [known, setKnown] = useState<Known>({ words, byTrace: new Map() });
  if (known.words !== words) setKnown({ words, byTrace: new Map() });
  const missing = words === null ? [] : inView.filter((trace) => !known.byTrace.has(trace.trace_id)).slice(0, AT_ONCE);
  const ids = missing.map((trace) => trace.trace_id).join();
  useEffect(() => {
    if (!ids) return;
    const abort = new AbortController();
    const wait = window.setTimeout(() => {
      const body = { trace_ids: ids.split(","), text: words };
      request<{ snippets: Snippet[] }>("/traces/snippets", {}, { method: "POST", json: body, signal: abort.signal })
        .then(({ snippets }) => {
          const found = new Map<string, Snippet | null>(body.trace_ids.map((id) => [id, null]));
          for (const snippet of snippets) found.set(snippet.trace_id, snippet);
          setKnown((before) =>
            before.words === words ? { words, byTrace: new Map([...before.byTrace, ...found]) } : before,
          );
        })
        .catch(() => undefined);
    }, WAIT_MS);
    return () => {
      window.clearTimeout(wait);
      abort.abort();
    };
  }, [ids, words]);
  return known.byTrace;
}

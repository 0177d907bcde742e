// The list of evaluations.

import { useInfiniteQuery } from "@tanstack/react-query";
import { GitCompareArrows, Search, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useChanges } from "../api/live";
import { refreshAll } from "../api/queries";
import { plural } from "../format";
import { Code } from "../text/Code";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { type Evaluation, evaluationList } from "./api";
import "./evaluations.css";
import { evaluationAddress, RunCards, RunTable } from "./RunTable";

const LINES = `@tracer.scorer
def is_brief(outputs):
    return len(outputs) < 200

tracer.genai.evaluate(
    [{"inputs": {"question": "When do you open?"}, "expectations": {"answer": "At nine."}}],
    answer,
    [is_brief],
)`;
const ASK_AFTER_MS = 250;

export default function EvaluationsPage() {
  const [url, setUrl] = useUrlState();
  const text = url.get("q") ?? "";
  const query = useInfiniteQuery(evaluationList(text));
  useChanges(refreshAll, 3_000);
  const isNarrow = useMedia("(max-width: 720px)");
  const box = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [marked, setMarked] = useState<ReadonlySet<string>>(() => new Set());
  const evaluations = query.data?.pages.flatMap((page) => page.evaluations) ?? [];
  const mark = (runId: string) =>
    setMarked((before) => {
      const next = new Set(before);
      if (!next.delete(runId)) next.add(runId);
      return next;
    });
  const move = (by: number) => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>(".run-link") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  };
  const markFocused = () => {
    const row = document.activeElement?.closest("tr, .card");
    row?.querySelector<HTMLElement>("input[type=checkbox]")?.click();
  };
  useKeys({
    "/": () => box.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: markFocused,
    Escape: () => setMarked(new Set()),
  });
  const isEmpty = query.isSuccess && !query.isPlaceholderData && evaluations.length === 0;
  const isSyntax = query.error instanceof ApiError && query.error.code === "filter_syntax";
  const shown = { evaluations, marked, onMark: mark };
  return (
    <div className="page evaluations-page">
      <header className="page-head">
        <h1>Evaluations</h1>
        <span role="status" className="dim num">
          {query.data?.pages[0] && plural(query.data.pages[0].total, "run")}
        </span>
      </header>
      {!(isEmpty && !text) && (
        <div className="page-filter">
          <SearchField value={text} box={box} isWrong={isSyntax} onChange={(q) => setUrl({ q }, true)} />
        </div>
      )}
      {query.isError && <Problem error={query.error} retry={isSyntax ? undefined : () => void query.refetch()} />}
      {isEmpty && (
        <div className="page-empty">
          <h2>{text ? "No evaluation fits" : "No evaluations yet"}</h2>
          {text ? (
            <p>No run has these words in its name, version, dataset, tags or params.</p>
          ) : (
            <>
              <p>Ask your app a list of questions and score its answers: each evaluation is a row here.</p>
              <Code code={LINES} language="python" />
            </>
          )}
        </div>
      )}
      {evaluations.length > 0 && <div ref={list}>{isNarrow ? <RunCards {...shown} /> : <RunTable {...shown} />}</div>}
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
      {marked.size > 0 && <Marked evaluations={evaluations} marked={marked} onClear={() => setMarked(new Set())} />}
    </div>
  );
}

interface SearchProps {
  value: string;
  box: React.RefObject<HTMLInputElement | null>;
  isWrong: boolean;
  onChange: (text: string) => void;
}

function SearchField({ value, box, isWrong, onChange }: SearchProps) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => {
    if (draft.trim() === value) return;
    const wait = window.setTimeout(() => latest.current(draft.trim()), ASK_AFTER_MS);
    return () => window.clearTimeout(wait);
  }, [draft, value]);
  return (
    <div className={`filter-field ${isWrong ? "wrong" : ""}`}>
      <Search aria-hidden className="icon" />
      <input
        ref={box}
        className="mono"
        type="text"
        spellCheck={false}
        autoComplete="off"
        aria-label="Search and filter evaluations"
        aria-invalid={isWrong}
        placeholder="Name, version, dataset, or filter: metrics.`exact/mean` < 0.8"
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      {draft && (
        <button
          type="button"
          className="button quiet square"
          aria-label="Clear the search"
          title="Clear the search"
          onClick={() => onChange("")}
        >
          <X aria-hidden />
        </button>
      )}
    </div>
  );
}

interface MarkedProps {
  evaluations: Evaluation[];
  marked: ReadonlySet<string>;
  onClear: () => void;
}

/** Of two runs the newer one is compared with the older one. */
function Marked({ evaluations, marked, onClear }: MarkedProps) {
  const [newer, older] = evaluations.filter((run) => marked.has(run.run_id)).map((run) => run.run_id);
  return (
    <section className="marked-bar" aria-label="Marked runs">
      <span role="status">{plural(marked.size, "run")} marked</span>
      {marked.size === 2 && newer && older ? (
        <Link className="button" href={evaluationAddress(newer, older)}>
          <GitCompareArrows aria-hidden /> Compare
        </Link>
      ) : (
        <span className="dim">two are compared</span>
      )}
      <button
        type="button"
        className="button quiet square"
        aria-label="Unmark all"
        title="Unmark all"
        onClick={onClear}
      >
        <X aria-hidden />
      </button>
    </section>
  );
}

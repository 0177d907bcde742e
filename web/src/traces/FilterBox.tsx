// The search box: filter grammar with completion, full-text search for bare words, errors at their position.

import { Search, X } from "lucide-react";
import { type KeyboardEvent, type RefObject, useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../api/client";
import { checkFilter, completion, firstTraces, traceOf } from "../api/queries";
import type { Completion } from "../api/types";
import { isTyping } from "../ui/keys";
import { condition } from "./conditions";
import { asFilter, beginningIn, type Ids, idsIn, isFilter, isPair, wordsFilter } from "./written";

interface Props {
  value: string;
  error: unknown;
  onChange: (filter: string) => void;
  box: RefObject<HTMLInputElement | null>;
  label?: string;
}

/** What was offered for a text; the text in the box may have gone on since. */
interface Offered extends Completion {
  text: string;
}

const CHECK_AFTER_MS = 350;
const PAIR_WITHIN_MS = 2_000;

const nameOf = (item: Completion["items"][number]) => item.kind + item.text;

/** An unfinished word or string at the end is not an error yet. */
const isBeforeTheEnd = (text: string, position: number) => /^\s*[^\s'"`]\S*\s/.test(text.slice(position));

/** The page of a trace or step; null where there is none. */
async function addressOf({ traceId, spanId }: Ids): Promise<string | null> {
  const found = await traceOf(traceId ? condition("trace_id", traceId) : condition("span.id", spanId ?? ""));
  return found && `/traces/${found}${spanId ? `?span=${spanId}` : ""}`;
}

/** The page of the only trace whose id begins so; null where there is none, or more than one. */
async function onlyAddress(beginning: string): Promise<string | null> {
  const { traces } = await firstTraces(`trace_id LIKE '${beginning}%'`, 2);
  return traces.length === 1 ? `/traces/${traces[0]?.trace_id}` : null;
}

/** A field and a value with a colon as the filter that is offered for it, else as words. */
async function filterOf(text: string): Promise<string> {
  const { items, start, end } = await completion(text, text.length, AbortSignal.timeout(PAIR_WITHIN_MS));
  const [first] = items;
  const filter = first?.kind === "condition" ? text.slice(0, start) + first.text + text.slice(end) : "";
  return isFilter(filter) ? filter.trim() : asFilter(text);
}

/** What is pasted outside of any field is searched at once. */
function usePaste(search: (text: string) => void) {
  const latest = useRef(search);
  latest.current = search;
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData("text/plain").replace(/\s+/g, " ").trim();
      if (!text || isTyping(event.target) || document.querySelector("[role=dialog]:not([hidden])")) return;
      event.preventDefault();
      latest.current(text);
    };
    document.addEventListener("paste", pasted);
    return () => document.removeEventListener("paste", pasted);
  }, []);
}

export function FilterBox({ value, error, onChange, box, label = "Search and filter traces" }: Props) {
  const [, navigate] = useLocation();
  const [draft, setDraft] = useState(value);
  const [offered, setOffered] = useState<Offered | null>(null);
  // by its name: an answer that comes later may have it in another place
  const [chosen, setChosen] = useState<string | null>(null);
  const [check, setCheck] = useState<{ text: string; message: string; position: number | null } | null>(null);
  const asked = useRef<AbortController | null>(null);
  const timer = useRef<number | undefined>(undefined);
  const id = useId();
  useEffect(() => setDraft(value), [value]);
  // text before the cursor can be wrong already
  useEffect(() => {
    if (draft === value || asFilter(draft) !== draft.trim() || !draft.trim()) return;
    const abort = new AbortController();
    const wait = window.setTimeout(() => {
      checkFilter(draft, abort.signal)
        .then(({ error }) =>
          setCheck(error && isBeforeTheEnd(draft, error.position) ? { text: draft, ...error } : null),
        )
        .catch(() => undefined);
    }, CHECK_AFTER_MS);
    return () => {
      window.clearTimeout(wait);
      abort.abort();
    };
  }, [draft, value]);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  const suggest = (text: string, cursor: number) => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      asked.current?.abort();
      const abort = new AbortController();
      asked.current = abort;
      completion(text, cursor, abort.signal)
        .then((answer) => {
          if (document.activeElement !== box.current) return setOffered(null);
          setOffered(answer.items.length ? { ...answer, text } : null);
          const [first] = answer.items;
          if (first?.kind === "condition") setChosen((before) => before ?? nameOf(first));
        })
        .catch(() => undefined);
    }, 90);
  };
  const close = () => {
    window.clearTimeout(timer.current);
    asked.current?.abort();
    setOffered(null);
    setChosen(null);
  };
  const items = offered?.items ?? [];
  const active = items.findIndex((item) => nameOf(item) === chosen);
  const choose = (index: number) => {
    const item = items[index];
    setChosen(item ? nameOf(item) : null);
  };
  const accept = (index: number) => {
    const item = items[index];
    if (!offered || !item) return;
    // what stands behind the word is as long as it was when the text was asked about
    const tail = draft.slice(Math.max(offered.start, draft.length - (offered.text.length - offered.end)));
    const text = `${draft.slice(0, offered.start)}${item.text}${tail.startsWith(" ") || item.text.endsWith(".") ? "" : " "}`;
    const next = text + tail;
    if (item.kind === "condition" && isFilter(next)) return applyFilter(next.trim());
    setDraft(next);
    close();
    requestAnimationFrame(() => {
      box.current?.setSelectionRange(text.length, text.length);
      suggest(next, text.length);
    });
  };
  const applyFilter = (filter: string) => {
    close();
    setDraft(filter);
    onChange(filter);
  };
  const apply = (text: string) => {
    const ids = idsIn(text);
    close();
    // entered before the filter was offered
    if (!ids && isPair(text)) return void filterOf(text).then(applyFilter, () => applyFilter(asFilter(text)));
    const beginning = beginningIn(text);
    if (!ids && !beginning) return applyFilter(asFilter(text));
    void (ids ? addressOf(ids) : onlyAddress(beginning ?? ""))
      .catch(() => null)
      .then((address) => (address ? navigate(address) : applyFilter(asFilter(text))));
  };
  usePaste(apply);
  const pressed = (event: KeyboardEvent<HTMLInputElement>) => {
    const n = items.length;
    if (event.key === "ArrowDown" && n) choose((active + 1) % n);
    else if (event.key === "ArrowDown") suggest(draft, event.currentTarget.selectionStart ?? draft.length);
    else if (event.key === "ArrowUp" && n) choose(active > 0 ? active - 1 : n - 1);
    else if (event.key === "Tab" && n && active >= 0) accept(active);
    else if (event.key === "Enter") active >= 0 ? accept(active) : apply(draft);
    else if (event.key === "Escape") offered ? close() : event.currentTarget.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const refused = error instanceof ApiError && error.code === "filter_syntax" && draft === value ? error : null;
  const problem = refused ?? (check?.text === draft ? check : null);
  const isOpen = offered !== null;
  return (
    <div className="filter">
      <div className={`filter-field ${problem ? "wrong" : ""}`}>
        <Search aria-hidden className="icon" />
        <input
          ref={box}
          className="mono"
          type="text"
          role="combobox"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          aria-label={label}
          aria-expanded={isOpen}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
          aria-invalid={problem !== null}
          aria-describedby={problem ? `${id}-problem` : undefined}
          placeholder="Search what was said, paste an id, or filter: state = 'ERROR' AND duration > 2s"
          value={draft}
          onChange={(event) => {
            setDraft(event.target.value);
            setChosen(null);
            suggest(event.target.value, event.target.selectionStart ?? event.target.value.length);
          }}
          onClick={(event) => suggest(draft, event.currentTarget.selectionStart ?? draft.length)}
          onKeyDown={pressed}
          onBlur={close}
        />
        {draft && (
          <button
            type="button"
            className="button quiet square"
            aria-label="Clear the filter"
            title="Clear the filter"
            onClick={() => {
              setDraft("");
              onChange("");
            }}
          >
            <X aria-hidden />
          </button>
        )}
      </div>
      <div id={`${id}-list`} role="listbox" aria-label="Suggestions" className="menu suggestions" hidden={!isOpen}>
        {items.map((item, index) => (
          <div
            key={nameOf(item)}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => accept(index)}
          >
            <span className="mono">{item.text}</span>
            <span className="dim">{item.detail ?? ""}</span>
          </div>
        ))}
      </div>
      {problem && (
        <div id={`${id}-problem`} className="filter-problem" role="alert">
          {problem.position !== null && (
            <code aria-hidden="true">
              {draft.slice(0, problem.position)}
              <mark>{/^\S+|^\s*$/.exec(draft.slice(problem.position))?.[0] || " "}</mark>
              {draft.slice(problem.position).replace(/^\S+/, "")}
            </code>
          )}
          <span>{problem.message}</span>
          <button
            type="button"
            className="button quiet"
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => applyFilter(wordsFilter(draft))}
          >
            Search for these words
          </button>
        </div>
      )}
    </div>
  );
}

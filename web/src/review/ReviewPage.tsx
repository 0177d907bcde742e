// Reviewing the traces of a queue, one at a time.

import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, CircleCheck, Undo2 } from "lucide-react";
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { queryClient, reviewProgress, reviewQueue, tracesToReview, wholeTrace } from "../api/queries";
import type { Json, ReviewQueue, TraceAnswer } from "../api/types";
import { duration, fullTime, moment, plural } from "../format";
import { ModeChoice } from "../text/mode";
import { useTrace } from "../trace/useTrace";
import { condition } from "../traces/conditions";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useRemembered } from "../ui/remembered";
import { StateBadge } from "../ui/State";
import { useUrlState } from "../ui/url";
import { answerOf, givenByOthers, isComplete, nextOpen, scoreOf } from "./answers";
import { Progress } from "./Progress";
import { Said, type View } from "./Said";
import { Scores } from "./Scores";
import { useAnswers } from "./useAnswers";
import { useReviewer } from "./useReviewer";
import "../styles/review.css";

export default function ReviewPage({ queueId }: { queueId: string }) {
  const query = useQuery(reviewQueue(queueId));
  const [reviewer, setReviewer] = useReviewer();
  const [isNaming, setNaming] = useState(false);
  if (query.isPending) return <p className="pad dim">Loading…</p>;
  if (query.isError)
    return (
      <div className="page-empty">
        <h1>This queue cannot be shown</h1>
        <Problem error={query.error} retry={() => void query.refetch()} />
        <p>
          <Link href="/review" className="button">
            <ArrowLeft aria-hidden /> All queues
          </Link>
        </p>
      </div>
    );
  if (!reviewer || isNaming)
    return (
      <NameForm
        queue={query.data}
        name={reviewer}
        onName={(name) => {
          setReviewer(name);
          setNaming(false);
        }}
      />
    );
  return <Reviewing key={reviewer} queue={query.data} reviewer={reviewer} onRename={() => setNaming(true)} />;
}

function NameForm({ queue, name, onName }: { queue: ReviewQueue; name: string; onName: (name: string) => void }) {
  const [draft, setDraft] = useState(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (draft.trim()) onName(draft.trim());
  };
  return (
    <form className="page-empty name-form" onSubmit={submit}>
      <h1>{queue.name}</h1>
      <p>Your answers are kept under your name, which this browser remembers.</p>
      <label>
        Your name
        <input
          className="field"
          value={draft}
          maxLength={100}
          autoComplete="name"
          // biome-ignore lint/a11y/noAutofocus: the page asks this alone
          autoFocus
          onChange={(event) => setDraft(event.target.value)}
        />
      </label>
      <button type="submit" className="button solid" disabled={!draft.trim()}>
        Start
      </button>
    </form>
  );
}

interface Props {
  queue: ReviewQueue;
  reviewer: string;
  onRename: () => void;
}

/** An answer of this visit, and the one that it replaced: what undoing takes back. */
interface Given {
  traceId: string;
  index: number;
  before: Json;
}

/** Traces that were asked for in one go: more than one, so that the next is there at once. */
const AHEAD = 4;
const MOST_ASKED = 1000;

function Reviewing({ queue, reviewer, onRename }: Props) {
  const [url, setUrl] = useUrlState();
  const current = url.get("trace");
  const [skipped, setSkipped] = useState<string[]>([]);
  const [seen, setSeen] = useState<string[]>([]);
  const [isOver, setOver] = useState(false);
  const [given, setGiven] = useState<Given[]>([]);
  const [isUndoing, setUndoing] = useState(false);
  const last = given.at(-1);
  const [problem, setProblem] = useState<unknown>(null);
  const progress = useQuery(reviewProgress(queue.queue_id, reviewer));
  const asked = useRef<AbortController | null>(null);
  const show = useCallback((traceId: string | null) => setUrl({ trace: traceId }, true), [setUrl]);

  const next = useCallback(
    async (leaving: string | null, passed: string[]) => {
      asked.current?.abort();
      const abort = new AbortController();
      asked.current = abort;
      setProblem(null);
      try {
        const limit = Math.min(MOST_ASKED, passed.length + AHEAD);
        const { traces } = await tracesToReview(queue.queue_id, reviewer, limit, abort.signal);
        const left = traces.map((trace) => trace.trace_id).filter((id) => id !== leaving && !passed.includes(id));
        const [first, second] = left;
        setOver(!first);
        show(first ?? null);
        if (second) void queryClient.prefetchQuery(wholeTrace(second));
      } catch (error) {
        if (!abort.signal.aborted) setProblem(error);
      }
    },
    [queue.queue_id, reviewer, show],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first trace is asked for once
  useEffect(() => {
    if (!current) void next(null, skipped);
    return () => asked.current?.abort();
  }, []);
  const recount = () => void queryClient.invalidateQueries({ queryKey: ["review-progress", queue.queue_id] });
  const leave = (traceId: string | null, passed: string[]) => {
    recount();
    if (traceId) setSeen((before) => [...before.filter((id) => id !== traceId), traceId]);
    void next(traceId, passed);
  };
  const placeOf = (traceId: string | null) => {
    const at = traceId ? seen.indexOf(traceId) : -1;
    return at < 0 ? seen.length : at;
  };
  const goTo = (from: string | null, earlier: string | undefined) => {
    if (!earlier) return;
    if (from && !seen.includes(from)) setSeen([...seen, from]);
    setOver(false);
    recount();
    show(earlier);
  };
  const goBack = (from: string | null) => goTo(from, seen[placeOf(from) - 1]);
  const undoElsewhere = (from: string | null) => {
    setUndoing(true);
    goTo(from, last?.traceId);
  };
  return (
    <div className="review-page">
      <header className="page-head review-head">
        <Link href="/review" className="button quiet square" aria-label="All queues" title="All queues">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="long-title" dir="auto">
          {queue.name}
        </h1>
        {progress.data && <Progress progress={progress.data} />}
        <button type="button" className="button quiet push" title="Review under another name" onClick={onRename}>
          as <bdi>{reviewer}</bdi>
        </button>
      </header>
      {problem !== null && <Problem error={problem} retry={() => void next(current, skipped)} />}
      {current && !isOver ? (
        <OneTrace
          key={current}
          traceId={current}
          queue={queue}
          reviewer={reviewer}
          canGoBack={placeOf(current) > 0}
          hasFailed={problem !== null}
          last={last}
          isUndoing={isUndoing}
          onGiven={(one) => setGiven((before) => [...before, one])}
          onUndone={() => {
            setUndoing(false);
            setGiven((before) => before.slice(0, -1));
          }}
          onUndoElsewhere={() => undoElsewhere(current)}
          onNext={() => leave(current, skipped)}
          onSkip={() => {
            const passed = [...skipped.filter((id) => id !== current), current];
            setSkipped(passed);
            leave(current, passed);
          }}
          onBack={() => goBack(current)}
        />
      ) : isOver ? (
        <Over
          queue={queue}
          reviewer={reviewer}
          skipped={skipped.length}
          isEmpty={progress.data?.trace_count === 0}
          onBack={seen.length ? () => goBack(null) : null}
          onUndo={last ? () => undoElsewhere(null) : null}
          onSkipped={() => {
            setSkipped([]);
            void next(null, []);
          }}
          onLook={() => {
            recount();
            void next(null, skipped);
          }}
        />
      ) : (
        problem === null && (
          <div className="pad" aria-busy="true">
            <div className="skeleton" />
          </div>
        )
      )}
    </div>
  );
}

interface OverProps {
  queue: ReviewQueue;
  reviewer: string;
  skipped: number;
  isEmpty: boolean;
  onBack: (() => void) | null;
  onUndo: (() => void) | null;
  onSkipped: () => void;
  onLook: () => void;
}

function Over({ queue, reviewer, skipped, isEmpty, onBack, onUndo, onSkipped, onLook }: OverProps) {
  useKeys({ ...(onBack && { b: onBack }), ...(onUndo && { u: onUndo }) });
  const mine = queue.scores[0]
    ? `reviewer.\`${queue.scores[0].name.replaceAll("`", "``")}\` = '${reviewer.replaceAll("'", "''")}'`
    : "";
  return (
    <div className="page-empty" role="status">
      <h2>
        {skipped ? (
          `Only ${plural(skipped, "trace")} that you skipped`
        ) : isEmpty ? (
          "No trace is in this queue"
        ) : (
          <>
            <CircleCheck aria-hidden className="done-icon" /> Nothing left to review
          </>
        )}
      </h2>
      <p>
        {skipped
          ? "The rest of this queue is reviewed."
          : isEmpty
            ? "Traces that meet its filter will be here, once there are some."
            : "Traces that come later and meet the filter of this queue will be here."}
      </p>
      <div className="over-actions">
        {skipped > 0 && (
          <button type="button" className="button solid" onClick={onSkipped}>
            Show them again
          </button>
        )}
        <button type="button" className="button" onClick={onLook}>
          Look again
        </button>
        {onBack && (
          <button type="button" className="button" onClick={onBack}>
            Back <kbd aria-hidden>b</kbd>
          </button>
        )}
        {onUndo && (
          <button type="button" className="button" title="Undo the last answer" onClick={onUndo}>
            Undo <kbd aria-hidden>u</kbd>
          </button>
        )}
        {!isEmpty && (
          <Link className="button" href={`/traces?filter=${encodeURIComponent(mine)}`}>
            What I reviewed
          </Link>
        )}
        <Link className="button" href={tracesOf(queue)}>
          Its traces
        </Link>
      </div>
    </div>
  );
}

export function tracesOf(queue: ReviewQueue): string {
  const parts = [queue.filter && (queue.experiment ? `(${queue.filter})` : queue.filter)];
  if (queue.experiment) parts.push(condition("experiment", queue.experiment));
  const filter = parts.filter(Boolean).join(" AND ");
  return filter ? `/traces?filter=${encodeURIComponent(filter)}` : "/traces";
}

interface TraceProps {
  traceId: string;
  queue: ReviewQueue;
  reviewer: string;
  canGoBack: boolean;
  /** Whether the trace after this one could not be found. */
  hasFailed: boolean;
  /** The last answer of this visit, to whichever trace. */
  last: Given | undefined;
  /** Whether this trace is shown to take the last answer back. */
  isUndoing: boolean;
  onGiven: (one: Given) => void;
  onUndone: () => void;
  onUndoElsewhere: () => void;
  onNext: () => void;
  onSkip: () => void;
  onBack: () => void;
}

function OneTrace(props: TraceProps) {
  const { traceId, queue, reviewer, canGoBack, hasFailed, last, isUndoing, onUndone, onNext, onSkip, onBack } = props;
  const query = useTrace(traceId);
  const answer: TraceAnswer | null = query.data ?? null;
  const { scores } = queue;
  const { answers, give, problem, settled } = useAnswers(answer?.trace ?? null, scores, reviewer);
  const [active, setActive] = useState(0);
  const [view, setView] = useRemembered<View>("review.view", "io");
  const [note, setNote] = useState<string | null>(null);
  const isDone = isComplete(scores, answers);
  // what is typed until the next trace is there must not change this one
  const isLeft = useRef(false);
  useEffect(() => {
    if (hasFailed) isLeft.current = false;
  }, [hasFailed]);
  const leaveBy = (way: () => void) => {
    if (isLeft.current) return;
    isLeft.current = true;
    void settled().then(way);
  };
  const skip = () => leaveBy(onSkip);
  const back = () => {
    if (canGoBack) leaveBy(onBack);
  };

  const say = (index: number, value: Json, isUndo = false) => {
    const score = scores[index];
    if (!score || !answer || isLeft.current) return;
    if (!isUndo) props.onGiven({ traceId, index, before: answers[score.name] ?? null });
    setNote(null);
    void give(score.name, value);
    const open = value === null ? index : nextOpen(scores, index, { ...answers, [score.name]: value });
    if (score.kind !== "text") setActive(open ?? index);
  };
  const undo = () => {
    if (!last) return;
    if (last.traceId !== traceId) return leaveBy(props.onUndoElsewhere);
    onUndone();
    say(last.index, last.before, true);
    setActive(last.index);
  };
  const isKnown = answer !== null || query.isError;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as soon as the trace is there
  useEffect(() => {
    if (!isUndoing || !isKnown) return;
    if (answer) undo();
    else onUndone();
  }, [isUndoing, isKnown]);
  const goOn = () => {
    if (document.activeElement instanceof HTMLTextAreaElement) document.activeElement.blur();
    if (isDone) return leaveBy(onNext);
    const open = nextOpen(scores, active - 1 < 0 ? scores.length - 1 : active - 1, answers);
    if (open !== null) setActive(open);
    setNote("Answer what is marked, or skip this trace.");
  };
  // a control that has the focus takes Enter itself, but for an answer that is given already
  const entered = () => {
    const focused = document.activeElement;
    const isControl = focused instanceof HTMLElement && focused.matches("a, button, summary");
    if (isControl && focused.getAttribute("aria-pressed") !== "true") focused.click();
    else goOn();
  };
  const pressed = (event: KeyboardEvent) => {
    const index = scoreOf(scores, active, answers, event.key);
    const score = index === null ? undefined : scores[index];
    if (index !== null && score) say(index, answerOf(score, event.key));
  };
  const toText = () => {
    const list = document.querySelectorAll<HTMLElement>(".scores textarea");
    list[0]?.focus();
  };
  const move = (by: number) => setActive((active + by + scores.length) % scores.length);
  const answering = Object.fromEntries(["y", "n", ..."123456789"].map((key) => [key, pressed]));
  useKeys({
    ...answering,
    Enter: entered,
    s: skip,
    b: back,
    u: undo,
    t: toText,
    c: () => setView(view === "io" ? "chat" : "io"),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    j: () => move(1),
    k: () => move(-1),
  });
  const saidBy = answer && isDone ? others(answer, queue, reviewer) : [];
  return (
    <div className="review-body">
      <article className="review-said" aria-label="What was said">
        <h2 className="visually-hidden">What was said</h2>
        {query.isError ? (
          <Problem error={query.error} retry={() => void query.refetch()} />
        ) : query.isGone ? (
          <p className="notice warn">This trace has been deleted.</p>
        ) : answer ? (
          <>
            <div className="review-trace-head">
              <Link className="strong" href={`/traces/${encodeURIComponent(traceId)}`} title="Open the whole trace">
                <bdi>{answer.trace.name ?? "(no name)"}</bdi>
              </Link>
              {answer.trace.state !== "OK" && <StateBadge state={answer.trace.state} />}
              <span className="dim num" title={fullTime(answer.trace.start_ns)}>
                {moment(answer.trace.start_ns)} · {duration(answer.trace.duration_ns)} ·{" "}
                {plural(answer.trace.span_count, "step")}
              </span>
              <span className="push">
                <ModeChoice />
              </span>
            </div>
            <Said answer={answer} view={view} onView={setView} />
          </>
        ) : (
          <div aria-busy="true">
            <div className="skeleton" />
          </div>
        )}
      </article>
      <section className="review-scores" aria-label="Your review">
        {queue.guidance && <p className="guidance plain-text">{queue.guidance}</p>}
        <Scores
          scores={scores}
          answers={answers}
          active={active}
          isReady={answer !== null}
          onActive={setActive}
          onAnswer={(index, value) => say(index, value)}
          onNext={goOn}
        />
        {problem !== null && (
          <div className="notice error" role="alert">
            Not saved: {problem instanceof Error ? problem.message : String(problem)}
          </div>
        )}
        {saidBy.length > 0 && (
          <dl className="others-said">
            {saidBy.map(([who, what]) => (
              <div key={who}>
                <dt>
                  <bdi>{who}</bdi>
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        )}
        <div className="review-actions">
          <button type="button" className={`button ${isDone ? "solid" : ""}`} onClick={goOn} disabled={!answer}>
            Next <kbd aria-hidden>Enter</kbd>
          </button>
          <button type="button" className="button" onClick={skip}>
            Skip <kbd aria-hidden>s</kbd>
          </button>
          <button type="button" className="button" onClick={back} disabled={!canGoBack}>
            Back <kbd aria-hidden>b</kbd>
          </button>
          <button
            type="button"
            className="button quiet"
            aria-label="Undo"
            title="Undo the last answer (u)"
            onClick={undo}
            disabled={!last}
          >
            <Undo2 aria-hidden /> <kbd aria-hidden>u</kbd>
          </button>
        </div>
        <p className="dim review-note" role="status">
          {note}
        </p>
      </section>
    </div>
  );
}

/** What others answered, by person: told once one's own answers are given. */
function others(answer: TraceAnswer, queue: ReviewQueue, reviewer: string): [string, string][] {
  const found = new Map<string, string[]>();
  for (const { name } of queue.scores)
    for (const one of givenByOthers(answer.trace.assessments, reviewer, name)) {
      const value = one.value === true ? "yes" : one.value === false ? "no" : String(one.value);
      found.set(one.source.id, [...(found.get(one.source.id) ?? []), `${name}: ${value}`]);
    }
  return [...found].map(([who, what]) => [who, what.join(", ")]);
}

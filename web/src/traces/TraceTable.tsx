// Table of traces; only rows on screen are rendered.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type CSSProperties, type MouseEvent, memo, type RefObject, useEffect, useState } from "react";
import { Link } from "wouter";
import type { Snippet, Trace } from "../api/types";
import { traceAddress } from "../trace/neighbours";
import { StateBadge } from "../ui/State";
import { type Column, FailedBelow } from "./columns";
import { preview } from "./preview";
import { useSnippets } from "./useSnippets";

interface Props {
  traces: Trace[];
  columns: Column[];
  order: string;
  total: number | null;
  hasMore: boolean;
  isNarrow: boolean;
  /** Whether a tap on a card marks its trace. */
  isMarking: boolean;
  active: number;
  marked: ReadonlySet<string>;
  /** Words that the list was searched for. */
  words: string | null;
  scroller: RefObject<HTMLDivElement | null>;
  onOrder: (order: string) => void;
  onActive: (index: number) => void;
  onMark: (traceId: string) => void;
  onOpen: (traceId: string) => void;
  onMore: () => void;
  onView: (traceIds: string[]) => void;
}

const ROW = 33;
const ROW_WITH_SNIPPET = 56;
const CARD = 66;

export function TraceTable(props: Props) {
  const { traces, columns, hasMore, isNarrow, active, scroller, onMore, onView } = props;
  const size = isNarrow ? CARD : props.words === null ? ROW : ROW_WITH_SNIPPET;
  const virtual = useVirtualizer({
    count: traces.length + (hasMore ? 1 : 0),
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 10,
    // the header of the table is above the rows
    scrollMargin: isNarrow ? 0 : ROW,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  const snippets = useSnippets(props.words, traces.slice(first, last + 1));
  useEffect(() => onView(traces.slice(first, last + 1).map((trace) => trace.trace_id)), [traces, first, last, onView]);
  useEffect(() => {
    if (hasMore && last >= traces.length - 60) onMore();
  }, [hasMore, last, traces.length, onMore]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew when their height changes
  useEffect(() => virtual.measure(), [size, virtual]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: arriving rows must not scroll
  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: "auto" });
  }, [active]);
  const least = columns.reduce((sum, column) => sum + Number(/\d+/.exec(column.width)?.[0]), 32);
  const [hasMoreRight, setMoreRight] = useState(false);
  const look = () => {
    const box = scroller.current;
    if (box) setMoreRight(box.scrollWidth - box.clientWidth - box.scrollLeft > 8);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: columns determine the width of a row
  useEffect(() => {
    look();
    window.addEventListener("resize", look);
    return () => window.removeEventListener("resize", look);
  }, [least, isNarrow]);
  const template = `32px ${columns.map((column) => column.width).join(" ")}`;
  return (
    <div className={`table-frame ${hasMoreRight ? "more-right" : ""}`}>
      <div
        ref={scroller}
        className="trace-table"
        onScroll={look}
        role="grid"
        aria-label="Traces"
        aria-rowcount={props.total ?? traces.length}
        aria-colcount={columns.length + 1}
        tabIndex={0}
        aria-activedescendant={active >= 0 && traces[active] ? `trace-${traces[active].trace_id}` : undefined}
        style={{ "--columns": template, "--row-width": `${least}px` } as CSSProperties}
      >
        <div role="rowgroup">{isNarrow ? null : <Head {...props} />}</div>
        <div
          role="rowgroup"
          className="virtual-space"
          style={{ height: virtual.getTotalSize(), minWidth: isNarrow ? undefined : least }}
        >
          {items.map((item) => {
            const trace = traces[item.index];
            const top = item.start - (isNarrow ? 0 : ROW);
            if (!trace)
              return (
                <div key="more" role="row" className="trace-row more" style={{ transform: `translateY(${top}px)` }}>
                  <span role="gridcell" className="dim">
                    Loading more…
                  </span>
                </div>
              );
            const shared = {
              trace,
              top,
              index: item.index,
              isActive: item.index === active,
              snippet: snippets.get(trace.trace_id) ?? null,
              words: props.words,
              onOpen: props.onOpen,
              onActive: props.onActive,
            };
            const marking = { columns, isMarked: props.marked.has(trace.trace_id), onMark: props.onMark };
            return isNarrow ? (
              <Card key={trace.trace_id} {...shared} {...marking} isMarking={props.isMarking} />
            ) : (
              <Row key={trace.trace_id} {...shared} {...marking} />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Head({ columns, order, onOrder }: Props) {
  const [field, direction] = order.split(" ");
  return (
    <div role="row" className="trace-row head" aria-rowindex={1}>
      <span role="columnheader" className="cell">
        <span className="visually-hidden">Marked</span>
      </span>
      {columns.map((column) => {
        const isSorted = column.sort !== undefined && column.sort === field;
        const next = isSorted && direction === "desc" ? "asc" : "desc";
        const sorting = isSorted ? (direction === "desc" ? "descending" : "ascending") : "none";
        return (
          <span
            key={column.id}
            role="columnheader"
            className={`cell ${column.isRight ? "right" : ""}`}
            aria-sort={column.sort ? sorting : undefined}
          >
            {column.sort ? (
              <button
                type="button"
                onClick={() => onOrder(`${column.sort} ${next}`)}
                title={`Sort by ${column.word.toLowerCase()}`}
              >
                {column.word}
                {isSorted && (direction === "desc" ? <ArrowDown aria-hidden /> : <ArrowUp aria-hidden />)}
              </button>
            ) : (
              column.word
            )}
          </span>
        );
      })}
    </div>
  );
}

interface RowProps {
  trace: Trace;
  top: number;
  index: number;
  isActive: boolean;
  columns: Column[];
  isMarked: boolean;
  snippet: Snippet | null;
  words: string | null;
  onMark: (traceId: string) => void;
  onOpen: (traceId: string) => void;
  onActive: (index: number) => void;
}

const isPlain = (event: MouseEvent) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;

const Row = memo(function Row({
  trace,
  top,
  index,
  isActive,
  columns,
  isMarked,
  snippet,
  words,
  onMark,
  onOpen,
}: RowProps) {
  return (
    <div
      id={`trace-${trace.trace_id}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={`trace-row ${isActive ? "active" : ""} ${trace.state === "ERROR" ? "failed" : ""} ${words !== null ? "with-snippet" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => isPlain(event) && onOpen(trace.trace_id)}
    >
      <span role="gridcell" className="cell mark-cell">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isMarked}
          aria-label={`Mark ${trace.name ?? trace.trace_id}`}
          onClick={(event) => event.stopPropagation()}
          onChange={() => onMark(trace.trace_id)}
        />
      </span>
      {columns.map((column) => (
        <span key={column.id} role="gridcell" className={`cell ${column.isRight ? "right" : ""}`}>
          {column.id === "name" ? (
            <Link href={traceAddress(trace.trace_id, words)} tabIndex={-1} onClick={(event) => event.stopPropagation()}>
              {column.cell(trace)}
            </Link>
          ) : (
            column.cell(trace)
          )}
        </span>
      ))}
      {words !== null && (
        <span role="gridcell" className="cell row-snippet">
          {snippet && <Found snippet={snippet} />}
        </span>
      )}
    </div>
  );
});

function Found({ snippet }: { snippet: Snippet }) {
  return (
    <bdi>
      {snippet.before}
      <mark>{snippet.words}</mark>
      {snippet.after}
    </bdi>
  );
}

/** A trace on a narrow screen. */
const Card = memo(function Card({
  trace,
  top,
  index,
  isActive,
  columns,
  isMarking,
  isMarked,
  snippet,
  words,
  onMark,
}: RowProps & { isMarking: boolean }) {
  const facts = columns.map(({ id, fact }) => ({ id, fact: fact?.(trace) })).filter(({ fact }) => fact);
  const hasInput = columns.some((column) => column.id === "input");
  const said = hasInput || !columns.some((column) => column.id === "output");
  const mark = `Mark ${trace.name ?? trace.trace_id}`;
  return (
    <div
      id={`trace-${trace.trace_id}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 1}
      aria-selected={isActive}
      className={`trace-card ${isActive ? "active" : ""} ${isMarking ? "marking" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
    >
      {isMarking && (
        <span role="gridcell" className="card-mark">
          <input
            type="checkbox"
            id={`mark-${trace.trace_id}`}
            checked={isMarked}
            aria-label={mark}
            onChange={() => onMark(trace.trace_id)}
          />
        </span>
      )}
      <span role="gridcell" className="card-body">
        <Link
          href={traceAddress(trace.trace_id, words)}
          tabIndex={-1}
          onClick={(event) => {
            if (!isMarking) return;
            event.preventDefault();
            onMark(trace.trace_id);
          }}
        >
          <span className="card-line">
            <span className="strong">{trace.name ?? "(no name yet)"}</span>
            {trace.state !== "OK" && <StateBadge state={trace.state} />}
            <FailedBelow trace={trace} />
          </span>
          <span className="card-preview" dir="auto">
            {snippet ? (
              <Found snippet={snippet} />
            ) : (
              preview(said ? trace.request_preview : trace.response_preview) || " "
            )}
          </span>
          <span className="card-facts num">
            {facts.map(({ id, fact }, index) => (
              <span key={id}>
                {index > 0 && " · "}
                {fact}
              </span>
            ))}
          </span>
        </Link>
      </span>
    </div>
  );
});

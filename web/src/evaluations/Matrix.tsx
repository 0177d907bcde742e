// Rows × scores of an evaluation; only rows on screen are rendered.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type CSSProperties, type MouseEvent, memo, type RefObject, useEffect, useMemo } from "react";
import { Link } from "wouter";
import type { Json } from "../api/types";
import { duration, money } from "../format";
import { traceAddress } from "../trace/neighbours";
import { preview } from "../traces/preview";
import { StateBadge } from "../ui/State";
import type { Answer, EvaluationRow, EvaluationRows } from "./api";
import { byName, ScoreCell, ScoreHead, scoreText } from "./scores";

interface Props {
  answer: EvaluationRows;
  rows: EvaluationRow[];
  order: string;
  active: number;
  hasMore: boolean;
  isNarrow: boolean;
  scroller: RefObject<HTMLDivElement | null>;
  onOrder: (order: string) => void;
  onChoose: (index: number) => void;
  onMore: () => void;
}

const ROW = 33;
const CARD = 84;
const LINE = 18;
const [INPUT, EXPECTED, ANSWER] = [240, 150, 220];
const SCORE = 118;
const SCORE_IN_WORDS = 160;
const NUMBERS = [84, 84];

export function Matrix(props: Props) {
  const { answer, rows, active, hasMore, isNarrow, scroller, onMore } = props;
  const names = useMemo(() => namesOf(answer), [answer]);
  const widths = names.map((name) => (isInWords(answer, name) ? SCORE_IN_WORDS : SCORE));
  const hasFailed = answer.evaluation.scores.some((sums) => sums.failed > 0);
  const headHeight = 18 + LINE * (2 + Number(answer.comparison !== null) + Number(hasFailed));
  const size = isNarrow ? CARD : ROW;
  const virtual = useVirtualizer({
    count: rows.length + (hasMore ? 1 : 0),
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 8,
    scrollMargin: isNarrow ? 0 : headHeight,
    scrollPaddingStart: isNarrow ? 0 : headHeight,
  });
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= rows.length - 30) onMore();
  }, [hasMore, last, rows.length, onMore]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew when their height changes
  useEffect(() => virtual.measure(), [size, headHeight, virtual]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: arriving rows must not scroll
  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: "auto" });
  }, [active]);
  const hasExpected = rows.some((row) => expectedText(row.expectations));
  const texts = hasExpected ? [INPUT, EXPECTED, ANSWER] : [INPUT, ANSWER];
  const least = [...texts, ...widths, ...NUMBERS].reduce((sum, width) => sum + width, 0);
  const template = [
    ...texts.map((width) => `minmax(${width}px, ${width}fr)`),
    ...widths.map((width) => `${width}px`),
    ...NUMBERS.map((width) => `${width}px`),
  ].join(" ");
  return (
    <div className="table-frame">
      <div
        ref={scroller}
        className="trace-table matrix num"
        role="grid"
        aria-label="Rows"
        aria-rowcount={answer.total + 1}
        aria-colcount={texts.length + names.length + NUMBERS.length}
        tabIndex={0}
        aria-activedescendant={active >= 0 && rows[active] ? idOf(rows[active]) : undefined}
        style={{ "--columns": template, "--row-width": `${least}px`, "--head": `${headHeight}px` } as CSSProperties}
      >
        <div role="rowgroup">{isNarrow ? null : <Head {...props} names={names} hasExpected={hasExpected} />}</div>
        <div
          role="rowgroup"
          className="virtual-space"
          style={{ height: virtual.getTotalSize(), minWidth: isNarrow ? undefined : least }}
        >
          {items.map((item) => {
            const row = rows[item.index];
            const top = item.start - (isNarrow ? 0 : headHeight);
            if (!row)
              return (
                <div key="more" role="row" className="trace-row more" style={{ transform: `translateY(${top}px)` }}>
                  <span role="gridcell" className="dim">
                    Loading more…
                  </span>
                </div>
              );
            const shared = {
              row,
              names,
              hasExpected,
              top,
              index: item.index,
              isActive: item.index === active,
              onChoose: props.onChoose,
            };
            return isNarrow ? <Card key={row.id} {...shared} /> : <Row key={row.id} {...shared} />;
          })}
        </div>
      </div>
    </div>
  );
}

const idOf = (row: EvaluationRow) => `row-${row.answer.trace_id}`;

const isInWords = ({ evaluation, base }: EvaluationRows, name: string) =>
  [...evaluation.scores, ...(base?.scores ?? [])].some((sums) => sums.name === name && sums.texts.length > 0);

function namesOf({ evaluation, base }: EvaluationRows): string[] {
  const all = [...evaluation.scores, ...(base?.scores ?? [])].map((sums) => sums.name);
  return [...new Set(all)].sort(byName);
}

function Head({ answer, names, hasExpected, order, onOrder }: Props & { names: string[]; hasExpected: boolean }) {
  return (
    <div role="row" className="trace-row head" aria-rowindex={1}>
      <Column word="Input" order={order} by="row" first="asc" onOrder={onOrder} />
      {hasExpected && (
        <span role="columnheader" className="cell">
          Expected
        </span>
      )}
      <span role="columnheader" className="cell">
        Answer
      </span>
      {names.map((name) => (
        <Column key={name} word={name} isRight order={order} by={`score.${name}`} first="asc" onOrder={onOrder}>
          <ScoreHead
            sums={answer.evaluation.scores.find((sums) => sums.name === name)}
            compared={answer.comparison?.scores.find((compared) => compared.name === name)}
          />
        </Column>
      ))}
      <Column word="Latency" isRight order={order} by="latency" first="desc" onOrder={onOrder} />
      <Column word="Cost" isRight order={order} by="cost" first="desc" onOrder={onOrder} />
    </div>
  );
}

interface ColumnProps {
  word: string;
  order: string;
  by: string;
  /** The direction of the first click: for scores the lowest come first. */
  first: "asc" | "desc";
  isRight?: boolean;
  onOrder: (order: string) => void;
  children?: React.ReactNode;
}

function Column({ word, order, by, first, isRight, onOrder, children }: ColumnProps) {
  const at = order.lastIndexOf(" ");
  const isSorted = order.slice(0, at) === by;
  const direction = order.slice(at + 1);
  const next = isSorted ? (direction === "asc" ? "desc" : "asc") : first;
  return (
    <span
      role="columnheader"
      className={`cell ${isRight ? "right" : ""}`}
      aria-sort={isSorted ? (direction === "asc" ? "ascending" : "descending") : "none"}
    >
      <button type="button" onClick={() => onOrder(`${by} ${next}`)} title={`Sort by ${word}`}>
        <span className="column-word">{word}</span>
        {isSorted && (direction === "asc" ? <ArrowUp aria-hidden /> : <ArrowDown aria-hidden />)}
      </button>
      {children}
    </span>
  );
}

interface RowProps {
  row: EvaluationRow;
  names: string[];
  hasExpected: boolean;
  top: number;
  index: number;
  isActive: boolean;
  onChoose: (index: number) => void;
}

const isPlain = (event: MouseEvent) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;

const Row = memo(function Row({ row, names, hasExpected, top, index, isActive, onChoose }: RowProps) {
  const { answer, base } = row;
  return (
    <div
      id={idOf(row)}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={`trace-row ${isActive ? "active" : ""} ${answer.state === "ERROR" ? "failed" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => isPlain(event) && onChoose(index)}
    >
      <span role="gridcell" className="cell" dir="auto">
        {row.only_in && <OnlyIn row={row} />}
        <Link href={traceAddress(answer.trace_id, null)} tabIndex={-1} onClick={(event) => event.stopPropagation()}>
          {preview(row.request_preview) || "(no input)"}
        </Link>
      </span>
      {hasExpected && (
        <span role="gridcell" className="cell dim2" dir="auto">
          {expectedText(row.expectations)}
        </span>
      )}
      <span role="gridcell" className="cell" dir="auto">
        <AnswerText answer={answer} />
      </span>
      {names.map((name) => (
        <span key={name} role="gridcell" className="cell right">
          <ScoreCell
            score={scoreOf(answer, name)}
            before={base ? scoreOf(base, name) : undefined}
            change={row.changes[name]}
          />
        </span>
      ))}
      <span role="gridcell" className="cell right">
        {answer.duration_ns === null ? "" : duration(answer.duration_ns)}
      </span>
      <span role="gridcell" className="cell right">
        {answer.cost ? money(answer.cost.total_cost) : ""}
      </span>
    </div>
  );
});

export const scoreOf = (answer: Answer, name: string) => answer.scores.find((score) => score.name === name);

function OnlyIn({ row }: { row: EvaluationRow }) {
  return <span className="badge only-in">{row.only_in === "run" ? "only here" : "only there"}</span>;
}

export function AnswerText({ answer }: { answer: Answer }) {
  if (answer.state === "ERROR") return <span className="bad">{answer.error ?? "It failed"}</span>;
  if (answer.state !== "OK") return <StateBadge state={answer.state} />;
  return preview(answer.response_preview);
}

const expectedText = (expectations: Record<string, Json>) => Object.values(expectations).map(scoreText).join(" · ");

/** A row on a narrow screen. */
const Card = memo(function Card({ row, names, top, index, isActive, onChoose }: RowProps) {
  const { answer, base } = row;
  const scored = names.filter((name) => scoreOf(answer, name) || (base && scoreOf(base, name)));
  return (
    <div
      id={idOf(row)}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 1}
      aria-selected={isActive}
      className={`trace-card ${isActive ? "active" : ""}`}
      style={{ transform: `translateY(${top}px)`, height: CARD }}
    >
      <span role="gridcell" className="card-body">
        <button type="button" className="row-card" onClick={() => onChoose(index)}>
          <span className="card-preview strong" dir="auto">
            {row.only_in && <OnlyIn row={row} />}
            {preview(row.request_preview) || "(no input)"}
          </span>
          <span className="card-preview" dir="auto">
            <AnswerText answer={answer} />
          </span>
          <span className="card-scores">
            {scored.map((name) => (
              <span key={name}>
                <span className="dim">{name}</span>{" "}
                <ScoreCell
                  score={scoreOf(answer, name)}
                  before={base ? scoreOf(base, name) : undefined}
                  change={row.changes[name]}
                />
              </span>
            ))}
          </span>
        </button>
      </span>
    </div>
  );
});

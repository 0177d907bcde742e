// The steps of a trace as tree and waterfall; only rows on screen are rendered.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, memo, useEffect, useMemo, useRef } from "react";
import { briefDuration, duration, money, shortCount } from "../format";
import { TypeIcon, toneOf, typeWord } from "../ui/SpanType";
import { stateWord } from "../ui/State";
import { barEnd, type Node, type Tree } from "./tree";

const ROW = 30;
/** From this depth on, lines from parent to child would be too close. */
const DEEP = 16;

interface Props {
  tree: Tree;
  rows: Node[];
  collapsed: ReadonlySet<string>;
  selected: string | null;
  found: ReadonlySet<string> | null;
  /** A step to scroll to without selecting it. */
  reveal: string | null;
  now: number;
  onSelect: (spanId: string) => void;
  onOpen: (spanId: string) => void;
  onToggle: (spanId: string, everything?: boolean) => void;
}

export function SpanTree({ tree, rows, collapsed, selected, found, reveal, now, onSelect, onOpen, onToggle }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  const at = useMemo(() => rows.findIndex((row) => row.span.span_id === selected), [rows, selected]);

  const deepest = useMemo(() => rows.reduce((most, row) => Math.max(most, row.depth), 1), [rows]);
  const revealAt = reveal === null ? -1 : rows.findIndex((row) => row.span.span_id === reveal);

  // only a new selection or match scrolls: arriving rows must not move what the user reads
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
  }, [selected]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    if (revealAt >= 0) virtual.scrollToIndex(revealAt, { align: "center" });
  }, [reveal, revealAt >= 0]);

  const pressed = (event: KeyboardEvent) => {
    const node = rows[at];
    const select = (index: number) => {
      const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
      if (row) onSelect(row.span.span_id);
    };
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / ROW) - 1);
    const isOpen = node && node.children.length > 0 && !collapsed.has(node.span.span_id);
    const actions: Record<string, () => void> = {
      ArrowDown: () => select(at + 1),
      ArrowUp: () => select(at - 1),
      PageDown: () => select(at + page),
      PageUp: () => select(at - page),
      Home: () => select(0),
      End: () => select(rows.length - 1),
      ArrowRight: () => node?.children.length && (isOpen ? select(at + 1) : onToggle(node.span.span_id)),
      ArrowLeft: () =>
        node && (isOpen ? onToggle(node.span.span_id) : node.parent && onSelect(node.parent.span.span_id)),
      Enter: () => node && onOpen(node.span.span_id),
      " ": () => node?.children.length && onToggle(node.span.span_id),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };

  return (
    <>
      <Ruler span={tree.end - tree.start} />
      <div
        ref={scroller}
        className={`span-tree ${deepest > DEEP ? "is-deep" : ""}`}
        role="tree"
        aria-label="Steps of the trace"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `span-${selected}` : undefined}
        onKeyDown={pressed}
      >
        <div
          role="presentation"
          className="virtual-space"
          style={{ height: virtual.getTotalSize(), "--deepest": deepest } as CSSProperties}
        >
          {virtual.getVirtualItems().map((item) => {
            const node = rows[item.index] as Node;
            const id = node.span.span_id;
            return (
              <Row
                key={id}
                node={node}
                top={item.start}
                siblings={(node.parent?.children ?? tree.roots).length}
                isSelected={id === selected}
                isCollapsed={collapsed.has(id)}
                isDim={found !== null && !found.has(id)}
                start={tree.start}
                length={tree.end - tree.start}
                end={barEnd(node.span, tree, now)}
                onSelect={onOpen}
                onToggle={onToggle}
              />
            );
          })}
        </div>
      </div>
    </>
  );
}

function Ruler({ span }: { span: number }) {
  const ticks = [0, 0.25, 0.5, 0.75];
  return (
    <div className="span-row ruler" aria-hidden="true">
      <div className="span-label">Step</div>
      <div className="span-figures">
        <span className="figure-tokens">Tokens</span>
        <span className="figure-cost">Cost</span>
        <span className="figure-time">Time</span>
      </div>
      <div className="span-lane">
        {ticks.map((tick) => (
          <span key={tick} className="tick" style={{ left: `${tick * 100}%` }}>
            {tick === 0 ? "0" : briefDuration(span * tick)}
          </span>
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  node: Node;
  top: number;
  siblings: number;
  isSelected: boolean;
  isCollapsed: boolean;
  isDim: boolean;
  start: number;
  length: number;
  end: number;
  onSelect: (spanId: string) => void;
  onToggle: (spanId: string, everything?: boolean) => void;
}

const Row = memo(function Row({
  node,
  top,
  siblings,
  isSelected,
  isCollapsed,
  isDim,
  start,
  length,
  end,
  onSelect,
  onToggle,
}: RowProps) {
  const { span } = node;
  const hasChildren = node.children.length > 0;
  const isFailed = span.status === "ERROR";
  const classes = ["span-row", isSelected && "selected", isDim && "dimmed", isFailed && "failed"]
    .filter(Boolean)
    .join(" ");
  return (
    <div
      id={`span-${span.span_id}`}
      role="treeitem"
      className={classes}
      aria-level={node.depth + 1}
      aria-setsize={siblings}
      aria-posinset={node.place}
      aria-selected={isSelected}
      aria-expanded={hasChildren ? !isCollapsed : undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(span.span_id)}
    >
      <div className="span-label" style={{ "--depth": node.depth } as CSSProperties}>
        {hasChildren ? (
          <span
            aria-hidden="true"
            className="toggle"
            title={`${isCollapsed ? "Open" : "Close"} (with Alt: all below)`}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(span.span_id, event.altKey);
            }}
          >
            <ChevronRight className={isCollapsed ? "" : "open"} />
          </span>
        ) : (
          <span className="toggle" />
        )}
        <TypeIcon type={span.type} />
        <span className="span-name">{span.name || "(no name)"}</span>
        <span className="visually-hidden">
          , {typeWord(span.type)}, {stateWord(span.status)}
        </span>
        {isCollapsed && <span className="count">{node.descendants}</span>}
        {isCollapsed && node.hasErrorBelow && <span className="error-dot" />}
      </div>
      <div className="span-figures num">
        <span className={`figure-tokens ${span.usage ? "" : "figure-sum"}`}>
          {node.tokens ? shortCount(node.tokens) : ""}
          {node.tokens > 0 && <span className="visually-hidden"> tokens</span>}
        </span>
        <span className={`figure-cost ${span.usage ? "" : "figure-sum"}`}>
          {node.cost !== null ? money(node.cost) : ""}
        </span>
        <span className="figure-time">{span.status === "IN_PROGRESS" ? "running" : duration(span.duration_ns)}</span>
      </div>
      <Lane node={node} start={start} length={length} end={end} />
    </div>
  );
});

function Lane({ node: { span }, start, length, end }: { node: Node; start: number; length: number; end: number }) {
  const share = (ns: number) => (length > 0 ? (100 * ns) / length : 0);
  const left = share(span.start_ns - start);
  const width = Math.max(share(end - span.start_ns), 0);
  const first = span.first_chunk_ns ?? null;
  const whole = end - span.start_ns;
  const tone = span.status === "ERROR" ? "error" : toneOf(span.type);
  return (
    <div className="span-lane">
      <div
        className={`bar tone-${tone} ${span.status === "IN_PROGRESS" ? "pulse" : ""} ${span.status === "INTERRUPTED" ? "cut" : ""}`}
        style={{ left: `${left}%`, width: `max(2px, ${width}%)` }}
      >
        {first !== null && whole > 0 && (
          <span
            className="first-chunk"
            title={`First chunk after ${duration(first)}`}
            style={{ width: `${Math.min(100, (100 * first) / whole)}%` }}
          >
            <span className="visually-hidden">, first chunk after {duration(first)}</span>
          </span>
        )}
      </div>
    </div>
  );
}

// The steps of a trace as tree and waterfall; only rows on screen are rendered.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, ZoomIn, ZoomOut } from "lucide-react";
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type RefObject,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { briefDuration, count, duration, money, shortCount } from "../format";
import { useRemembered } from "../ui/remembered";
import { TypeIcon, toneOf, typeWord } from "../ui/SpanType";
import { stateWord } from "../ui/State";
import { barEnd, isLeader, type Node, type Tree } from "./tree";
import { between, type View, WHOLE, zoomed } from "./zoom";

const ROW = 30;
/** From this depth on, lines from parent to child would be too close. */
const DEEP = 16;

interface Props {
  tree: Tree;
  rows: Node[];
  collapsed: ReadonlySet<string>;
  /** Folds that are open. */
  folds: ReadonlySet<string>;
  selected: string | null;
  found: ReadonlySet<string> | null;
  /** A step to scroll to without selecting it. */
  reveal: string | null;
  now: number;
  onSelect: (spanId: string) => void;
  onOpen: (spanId: string) => void;
  onToggle: (spanId: string, everything?: boolean) => void;
  onFold: (foldId: string) => void;
}

export function SpanTree(props: Props) {
  const { tree, rows, collapsed, folds, selected, found, reveal, now, onSelect, onOpen, onToggle, onFold } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [lane, setLane] = useRemembered("lane", 34);
  const [view, setView] = useState(WHOLE);
  useWheelZoom(frame, setView);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    // every row is some twenty elements
    overscan: 1,
  });
  const at = useMemo(() => rows.findIndex((row) => row.span.span_id === selected), [rows, selected]);

  const hasUsage = useMemo(() => tree.roots.some((root) => root.tokens > 0 || root.cost !== null), [tree]);
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
    const folded = node?.fold && !folds.has(node.fold.id) ? node.fold : null;
    const isOpen = node && !folded && node.children.length > 0 && !collapsed.has(node.span.span_id);
    const actions: Record<string, () => void> = {
      ArrowDown: () => select(at + 1),
      ArrowUp: () => select(at - 1),
      PageDown: () => select(at + page),
      PageUp: () => select(at - page),
      Home: () => select(0),
      End: () => select(rows.length - 1),
      ArrowRight: () =>
        folded ? onFold(folded.id) : node?.children.length && (isOpen ? select(at + 1) : onToggle(node.span.span_id)),
      ArrowLeft: () =>
        node &&
        (isOpen
          ? onToggle(node.span.span_id)
          : node.fold && !folded && isLeader(node)
            ? onFold(node.fold.id)
            : node.parent && onSelect(node.parent.span.span_id)),
      Enter: () => node && onOpen(node.span.span_id),
      " ": () => node?.children.length && onToggle(node.span.span_id),
    };
    if (node) {
      const middle = (node.span.start_ns + barEnd(node.span, tree, now)) / 2 - tree.start;
      const at = Math.min(view.to, Math.max(view.from, middle / Math.max(1, tree.end - tree.start)));
      actions["+"] = () => setView(zoomed(view, 0.5, at));
      actions["-"] = () => setView(zoomed(view, 2, at));
      actions["0"] = () => setView(WHOLE);
    }
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };

  const length = (tree.end - tree.start) * (view.to - view.from);
  return (
    <div
      ref={frame}
      className={`waterfall ${hasUsage ? "" : "no-usage"}`}
      style={{ "--lane": `${lane}%` } as CSSProperties}
    >
      <Ruler span={tree.end - tree.start} view={view} onView={setView} lane={lane} onLane={setLane} />
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
                start={tree.start + (tree.end - tree.start) * view.from}
                length={length}
                end={barEnd(node.span, tree, now)}
                isFolded={node.fold !== null && !folds.has(node.fold.id)}
                onFold={onFold}
                onSelect={onOpen}
                onToggle={onToggle}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Ctrl and the wheel zoom at the pointer; without Ctrl the wheel scrolls. */
function useWheelZoom(frame: RefObject<HTMLDivElement | null>, setView: (change: (view: View) => View) => void): void {
  useEffect(() => {
    const element = frame.current;
    const turned = (event: WheelEvent) => {
      const box = element?.querySelector(".ruler .span-lane")?.getBoundingClientRect();
      if (!event.ctrlKey || !box || event.clientX < box.left) return;
      event.preventDefault();
      const share = Math.min(1, (event.clientX - box.left) / box.width);
      setView((view) => zoomed(view, event.deltaY > 0 ? 1.25 : 0.8, view.from + share * (view.to - view.from)));
    };
    // a listener of React's is passive, and could not keep the browser from zooming the page
    element?.addEventListener("wheel", turned, { passive: false });
    return () => element?.removeEventListener("wheel", turned);
  }, [frame, setView]);
}

interface RulerProps {
  span: number;
  view: View;
  onView: (view: View) => void;
  lane: number;
  onLane: (share: number) => void;
}

const NARROWEST = 10;
const WIDEST = 80;
const LANE_KEYS: Record<string, number> = { ArrowLeft: 4, ArrowRight: -4 };

function Ruler({ span, view, onView, lane, onLane }: RulerProps) {
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const ticks = [0, 0.25, 0.5, 0.75];
  const width = view.to - view.from;
  const setLane = (share: number) => onLane(Math.round(Math.min(WIDEST, Math.max(NARROWEST, share))));
  const shareAt = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const finish = () => {
    if (drag && Math.abs(drag[0] - drag[1]) > 0.01)
      onView(between(view.from + drag[0] * width, view.from + drag[1] * width));
    setDrag(null);
  };
  const middle = (view.from + view.to) / 2;
  return (
    <div className="span-row ruler">
      <div className="span-label">
        <span aria-hidden="true">Step</span>
        <span className="zoom push">
          <button
            type="button"
            className="button quiet square"
            aria-label="Zoom in"
            title="Zoom in (+)"
            onClick={() => onView(zoomed(view, 0.5, middle))}
          >
            <ZoomIn aria-hidden />
          </button>
          <button
            type="button"
            className="button quiet square"
            aria-label="Zoom out"
            title="Zoom out (−)"
            disabled={width >= 1}
            onClick={() => onView(zoomed(view, 2, middle))}
          >
            <ZoomOut aria-hidden />
          </button>
        </span>
      </div>
      <div className="span-figures" aria-hidden="true">
        <span className="figure-tokens">Tokens</span>
        <span className="figure-cost">Cost</span>
        <span className="figure-time">Time</span>
      </div>
      <div
        className="span-lane"
        role="img"
        aria-label="Time"
        title="Drag to zoom in, double click for the whole time"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([shareAt(event), shareAt(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], shareAt(event)])}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(null)}
        onDoubleClick={() => onView(WHOLE)}
      >
        {ticks.map((tick) => {
          const at = span * (view.from + tick * width);
          return (
            <span key={tick} className="tick" aria-hidden="true" style={{ left: `${tick * 100}%` }}>
              {at === 0 ? "0" : briefDuration(at)}
            </span>
          );
        })}
        {drag && (
          <span
            className="zoom-range"
            style={{ left: `${100 * Math.min(...drag)}%`, width: `${100 * Math.abs(drag[0] - drag[1])}%` }}
          />
        )}
      </div>
      <div
        role="separator"
        tabIndex={0}
        className="lane-line"
        aria-label="Width of the timeline"
        aria-orientation="vertical"
        aria-valuenow={lane}
        aria-valuemin={NARROWEST}
        aria-valuemax={WIDEST}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          const row = event.currentTarget.parentElement?.getBoundingClientRect();
          if (row && event.currentTarget.hasPointerCapture(event.pointerId))
            setLane((100 * (row.right - event.clientX)) / row.width);
        }}
        onKeyDown={(event) => {
          const by = LANE_KEYS[event.key];
          if (by) setLane(lane + by);
        }}
      />
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
  /** Whether the row stands for all siblings of its name. */
  isFolded: boolean;
  onFold: (foldId: string) => void;
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
  isFolded,
  onFold,
  onSelect,
  onToggle,
}: RowProps) {
  const { span } = node;
  const fold = isLeader(node) ? node.fold : null;
  const sums = isFolded && fold ? fold : node;
  const hasChildren = node.children.length > 0 && !isFolded;
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
      aria-expanded={hasChildren ? !isCollapsed : isFolded ? false : undefined}
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
        <bdi className="span-name">{span.name || "(no name)"}</bdi>
        <span className="visually-hidden">
          , {typeWord(span.type)}, {stateWord(span.status)}
        </span>
        {fold && (
          <span
            aria-hidden="true"
            className="count fold"
            title={`${isFolded ? "Open" : "Fold"} ${count(fold.members.length)} steps: median ${duration(fold.p50)}, p95 ${duration(fold.p95)}`}
            onClick={(event) => {
              event.stopPropagation();
              onFold(fold.id);
            }}
          >
            × {count(fold.members.length)}
            {isFolded && <span className="fold-more">, p95 {duration(fold.p95)}</span>}
            {isFolded && fold.failed > 0 && (
              <span className="fold-failed">
                , {count(fold.failed)}
                <span className="fold-more"> failed</span>
              </span>
            )}
          </span>
        )}
        {fold && (
          <span className="visually-hidden">
            , {count(fold.members.length)} times{fold.failed > 0 && `, ${count(fold.failed)} failed`}
          </span>
        )}
        {isCollapsed && !isFolded && <span className="count">{node.descendants}</span>}
        {isCollapsed && !isFolded && node.hasErrorBelow && <span className="error-dot" />}
      </div>
      <div className="span-figures num">
        <span className={`figure-tokens ${span.usage && !isFolded ? "" : "figure-sum"}`}>
          {sums.tokens ? shortCount(sums.tokens) : ""}
          {sums.tokens > 0 && <span className="visually-hidden"> tokens</span>}
        </span>
        <span className={`figure-cost ${span.usage && !isFolded ? "" : "figure-sum"}`}>
          {sums.cost !== null ? money(sums.cost) : ""}
        </span>
        <span className={`figure-time ${isFolded ? "figure-sum" : ""}`}>
          {isFolded && fold
            ? duration(fold.end - fold.start)
            : span.status === "IN_PROGRESS"
              ? "running"
              : duration(span.duration_ns)}
        </span>
      </div>
      <Lane node={node} start={start} length={length} end={isFolded && fold ? fold.end : end} isMany={isFolded} />
    </div>
  );
});

interface LaneProps {
  node: Node;
  start: number;
  length: number;
  end: number;
  isMany: boolean;
}

function Lane({ node: { span }, start, length, end, isMany }: LaneProps) {
  const share = (ns: number) => (length > 0 ? (100 * ns) / length : 0);
  const left = share(span.start_ns - start);
  const width = Math.max(share(end - span.start_ns), 0);
  const first = isMany ? null : (span.first_chunk_ns ?? null);
  const whole = end - span.start_ns;
  const tone = span.status === "ERROR" ? "error" : toneOf(span.type);
  return (
    <div className="span-lane">
      <div
        className={`bar tone-${tone} ${span.status === "IN_PROGRESS" ? "pulse" : ""} ${span.status === "INTERRUPTED" ? "cut" : ""} ${isMany ? "many" : ""}`}
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

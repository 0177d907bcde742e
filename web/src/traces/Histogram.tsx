// What the traces come to over time; dragging selects a period.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type PointerEvent, useMemo, useRef, useState } from "react";
import { histogram, histogramOf } from "../api/queries";
import type { Histogram as Answer, Selection } from "../api/types";
import { count, minuteOf, plural } from "../format";
import { BAR_METRICS, type Bar, type BarMetric, useBars } from "./barMetric";
import { filledPart, type MainPart, mainPart } from "./mainPart";

const say = (ns: number) => minuteOf(ns / 1e6);

const FEWEST = 48;
const BARS = 80;
const MOST_STEPS = 5;

/** A few bars over the whole width look odd: empty time is added before them. */
function padded(bars: Bar[], step: number): Bar[] {
  const missing = Math.max(0, FEWEST - bars.length);
  const start = bars[0]?.start_ns ?? 0;
  const before = Array.from({ length: missing }, (_, index) => ({
    start_ns: start - (missing - index) * step,
    value: 0,
    failed: 0,
    said: "no trace",
  }));
  return [...before, ...bars];
}

interface Drawn {
  data: Answer | undefined;
  outside: number;
}

/** The histogram without the few traces far from all others. */
function useMainPart(selection: Selection): Drawn {
  const { data: whole } = useQuery(histogram(selection, BARS));
  const part = useMemo(() => (whole ? mainPart(whole.buckets, whole.step_ns) : null), [whole]);
  const { data: close } = useQuery({
    queryKey: ["histogram", "main part", selection, part],
    queryFn: ({ signal }) => (part ? closeUp(selection, part, signal) : { data: whole, outside: 0 }),
    enabled: part !== null,
    placeholderData: keepPreviousData,
  });
  return (part && close) || { data: whole, outside: 0 };
}

/** A bar of the whole histogram may cover months: its period gets a histogram of its own. */
async function closeUp(selection: Selection, first: MainPart, signal: AbortSignal): Promise<Drawn> {
  let outside = 0;
  let data: Answer | undefined;
  let part: MainPart | null = first;
  for (let step = 0; part && step < MOST_STEPS; step++) {
    outside += part.outside;
    data = await histogramOf({ ...selection, since_ns: part.since_ns, until_ns: part.until_ns }, BARS, signal);
    part = mainPart(data.buckets, data.step_ns) ?? filledPart(data.buckets, data.step_ns);
  }
  return { data, outside };
}

interface Props {
  selection: Selection;
  metric: BarMetric;
  onRange: (sinceMs: number, untilMs: number) => void;
}

export function Histogram({ selection, metric, onRange }: Props) {
  const { data, outside } = useMainPart(selection);
  const found = useBars(selection, data, metric);
  const frame = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  if (!data?.buckets.length || data.since_ns === null || data.until_ns === null)
    return <div className="histogram empty" />;
  const step = data.step_ns;
  const bars = padded(found, step);
  const highest = bars.reduce((most, bar) => (bar.value > most.value ? bar : most));
  // a root scale: one busy hour does not hide the others
  const height = (bar: Bar) => (highest.value ? 100 * Math.sqrt(bar.value / highest.value) : 0);
  const failedShare = (bar: Bar) => bar.failed / bar.value || 0;
  const errors = data.buckets.reduce((sum, bucket) => sum + bucket.errors, 0);
  const word = BAR_METRICS.find(([id]) => id === metric)?.[1] ?? "";
  const index = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    const share = box ? (event.clientX - box.left) / box.width : 0;
    return Math.min(bars.length - 1, Math.max(0, Math.floor(share * bars.length)));
  };
  const finish = () => {
    if (!drag) return;
    const [from, to] = [Math.min(...drag), Math.max(...drag)];
    setDrag(null);
    const start = bars[from];
    const end = bars[to];
    if (start && end) onRange(Math.floor(start.start_ns / 1e6), Math.ceil((end.start_ns + step) / 1e6));
  };
  const first = bars[0]?.start_ns ?? 0;
  const last = (bars[bars.length - 1]?.start_ns ?? 0) + step;
  return (
    <div className="histogram">
      <div
        ref={frame}
        className="bars"
        role="img"
        aria-label={`${plural(data.count, "trace")} from ${say(first)} to ${say(last)}, ${count(errors)} failed. ${word}, highest ${say(highest.start_ns)}: ${highest.said}`}
        title="Drag to choose a time (heights are square roots)"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([index(event), index(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], index(event)])}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(null)}
      >
        {bars.map((bar, at) => {
          const isIn = drag && at >= Math.min(...drag) && at <= Math.max(...drag);
          return (
            <div
              key={bar.start_ns}
              className={`bar-slot ${isIn ? "in" : ""}`}
              title={`${say(bar.start_ns)}: ${bar.said}`}
            >
              <div className="bar-errors" style={{ height: `${height(bar) * failedShare(bar)}%` }} />
              <div className="bar-rest" style={{ height: `${height(bar) * (1 - failedShare(bar))}%` }} />
            </div>
          );
        })}
      </div>
      <div className="histogram-ends num" aria-hidden="true">
        <span>{say(first)}</span>
        {metric !== "count" && <span>highest {highest.said}</span>}
        {outside > 0 && <span>{plural(outside, "trace")} far off left out</span>}
        <span>{say(last)}</span>
      </div>
    </div>
  );
}

// Number of traces over time; dragging selects a period.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type PointerEvent, useMemo, useRef, useState } from "react";
import { histogram, histogramOf } from "../api/queries";
import type { Histogram as Answer, Selection } from "../api/types";
import { count, minuteOf, plural } from "../format";
import { filledPart, type MainPart, mainPart } from "./mainPart";

type Bucket = Answer["buckets"][number];

const say = (ns: number) => minuteOf(ns / 1e6);

const FEWEST = 48;
const BARS = 80;
const MOST_STEPS = 5;

/** A few bars over the whole width look odd: empty time is added before them. */
function padded(buckets: Bucket[], step: number): Bucket[] {
  const missing = Math.max(0, FEWEST - buckets.length);
  const start = buckets[0]?.start_ns ?? 0;
  const before = Array.from({ length: missing }, (_, index) => ({
    start_ns: start - (missing - index) * step,
    count: 0,
    errors: 0,
  }));
  return [...before, ...buckets];
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

export function Histogram({
  selection,
  onRange,
}: {
  selection: Selection;
  onRange: (sinceMs: number, untilMs: number) => void;
}) {
  const { data, outside } = useMainPart(selection);
  const frame = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  if (!data?.buckets.length || data.since_ns === null || data.until_ns === null)
    return <div className="histogram empty" />;
  const step = data.step_ns;
  const buckets = padded(data.buckets, step);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  // a root scale: one busy hour does not hide the others
  const height = (bucket: Bucket) => 100 * Math.sqrt(bucket.count / most);
  const errors = buckets.reduce((sum, bucket) => sum + bucket.errors, 0);
  const index = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    const share = box ? (event.clientX - box.left) / box.width : 0;
    return Math.min(buckets.length - 1, Math.max(0, Math.floor(share * buckets.length)));
  };
  const finish = () => {
    if (!drag) return;
    const [from, to] = [Math.min(...drag), Math.max(...drag)];
    setDrag(null);
    const start = buckets[from];
    const end = buckets[to];
    if (start && end) onRange(Math.floor(start.start_ns / 1e6), Math.ceil((end.start_ns + step) / 1e6));
  };
  const first = buckets[0]?.start_ns ?? 0;
  const last = (buckets[buckets.length - 1]?.start_ns ?? 0) + step;
  return (
    <div className="histogram">
      <div
        ref={frame}
        className="bars"
        role="img"
        aria-label={`${plural(data.count, "trace")} from ${say(first)} to ${say(last)}, ${count(errors)} failed`}
        title="Drag to choose a time (heights are square roots)"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([index(event), index(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], index(event)])}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(null)}
      >
        {buckets.map((bucket, at) => {
          const isIn = drag && at >= Math.min(...drag) && at <= Math.max(...drag);
          return (
            <div
              key={bucket.start_ns}
              className={`bar-slot ${isIn ? "in" : ""}`}
              title={`${say(bucket.start_ns)}: ${plural(bucket.count, "trace")}, ${bucket.errors} failed`}
            >
              <div
                className="bar-errors"
                style={{ height: `${height(bucket) * (bucket.errors / bucket.count || 0)}%` }}
              />
              <div
                className="bar-rest"
                style={{ height: `${height(bucket) * (1 - bucket.errors / bucket.count || 0)}%` }}
              />
            </div>
          );
        })}
      </div>
      <div className="histogram-ends num" aria-hidden="true">
        <span>{say(first)}</span>
        {outside > 0 && <span>{plural(outside, "trace")} far off left out</span>}
        <span>{say(last)}</span>
      </div>
    </div>
  );
}

// The period of nearly all traces: a single trace far away would squeeze all others into one bar.

interface Bucket {
  start_ns: number;
  count: number;
}

export interface MainPart {
  since_ns: number;
  until_ns: number;
  /** Number of traces outside. */
  outside: number;
}

const OUTLIERS = 0.01;
const EMPTY = 0.4;

/** Null if the whole period can be drawn. */
export function mainPart(buckets: Bucket[], stepNs: number): MainPart | null {
  const whole = sum(buckets);
  let part = buckets;
  for (let shorter = cut(part, whole); shorter; shorter = cut(part, whole)) part = shorter;
  const [first, last] = [part[0], part[part.length - 1]];
  if (part.length === buckets.length || !first || !last) return null;
  return { since_ns: first.start_ns, until_ns: last.start_ns + stepNs, outside: whole - sum(part) };
}

/** The period from the first trace to the last if it is a small part of the whole; else null. */
export function filledPart(buckets: Bucket[], stepNs: number): MainPart | null {
  const first = buckets.find((bucket) => bucket.count);
  const last = buckets.findLast((bucket) => bucket.count);
  if (!first || !last) return null;
  const until_ns = last.start_ns + stepNs;
  return until_ns - first.start_ns < (buckets.length * stepNs) / 2
    ? { since_ns: first.start_ns, until_ns, outside: 0 }
    : null;
}

const sum = (buckets: Bucket[]) => buckets.reduce((all, bucket) => all + bucket.count, 0);

/** The period without the few traces beyond a gap that takes most of it; null if there is no such gap. */
function cut(buckets: Bucket[], whole: number): Bucket[] | null {
  const [from, to] = longestGap(buckets);
  if (to - from < buckets.length * EMPTY) return null;
  const [before, after] = [buckets.slice(0, from), buckets.slice(to)];
  const most = Math.max(1, whole * OUTLIERS);
  if (sum(after) <= most && sum(before) > 2 * sum(after)) return before;
  if (sum(before) <= most && sum(after) > 2 * sum(before)) return after;
  return null;
}

function longestGap(buckets: Bucket[]): [number, number] {
  let longest: [number, number] = [0, 0];
  let from = 0;
  buckets.forEach((bucket, index) => {
    if (bucket.count) from = index + 1;
    else if (index + 1 - from > longest[1] - longest[0]) longest = [from, index + 1];
  });
  return longest;
}

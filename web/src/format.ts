// Numbers, durations and times as text.

const MS = 1e6;

export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return "–";
  if (ns === 0) return "0 ms";
  const ms = ns / MS;
  if (ms < 1) return `${Math.max(1, Math.round(ns / 1e3))} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A duration in little space: minutes and hours with a colon. */
export function briefDuration(ns: number): string {
  const seconds = Math.round(ns / 1e9);
  if (seconds < 60) return duration(ns);
  const pad = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${pad(seconds % 60)} min` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)} h`;
}

/** A duration precise enough for events within the same millisecond. */
export function fineDuration(ns: number): string {
  return ns >= 10 * MS && ns < 1000 * MS ? `${(ns / MS).toFixed(2)} ms` : duration(ns);
}

const plain = new Intl.NumberFormat("en-US");
const twoDigits = new Intl.NumberFormat("en-US", {
  minimumSignificantDigits: 2,
  maximumSignificantDigits: 2,
  maximumFractionDigits: 20,
});
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : plain.format(value);
}

export function shortCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 10_000 ? plain.format(value) : compact.format(value);
}

/** Two significant digits below a dollar, cents above. */
export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "–";
  if (usd === 0) return "$0";
  if (usd < 0.000_001) return "<$0.000001";
  if (usd < 0.995) return `$${twoDigits.format(usd)}`;
  return usd < 1000 ? `$${usd.toFixed(2)}` : `$${compact.format(usd)}`;
}

/** An amount on the axis of a chart. */
export function roundMoney(usd: number): string {
  if (usd === 0 || usd >= 1) return money(usd);
  const cents = usd.toFixed(2);
  return Number(cents) === Number(usd.toPrecision(6)) ? `$${cents}` : `$${Number(usd.toPrecision(2))}`;
}

export function percent(part: number, whole: number): string {
  if (!whole) return "0%";
  const share = (100 * part) / whole;
  return `${share > 0 && share < 10 ? share.toFixed(1) : Math.round(share)}%`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1024 ** 2) return `${(size / 1024).toFixed(1)} KB`;
  return `${(size / 1024 ** 2).toFixed(1)} MB`;
}

const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const full = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

/** Time of day; with the date on other days, and the year in other years. */
export function moment(ns: number, now = Date.now()): string {
  const date = new Date(ns / MS);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return clock.format(date);
  const isThisYear = date.getFullYear() === today.getFullYear();
  return `${(isThisYear ? day : dayOfYear).format(date)}, ${clock.format(date)}`;
}

const minute = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const minuteThisYear = new Intl.DateTimeFormat(undefined, minute);
const minuteOfYear = new Intl.DateTimeFormat(undefined, { year: "numeric", ...minute });

/** Date and time to the minute of a time in ms, with the year in other years. */
export function minuteOf(ms: number, now = Date.now()): string {
  const date = new Date(ms);
  return (date.getFullYear() === new Date(now).getFullYear() ? minuteThisYear : minuteOfYear).format(date);
}

/** Fraction of a second of a moment. */
export const milliseconds = (ns: number) => `.${String(Math.floor(ns / MS) % 1000).padStart(3, "0")}`;

export const fullTime = (ns: number) => full.format(new Date(ns / MS));

export function ago(ns: number, now = Date.now()): string {
  const seconds = Math.max(0, (now - ns / MS) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export const isoTime = (ns: number) => new Date(ns / MS).toISOString();

export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const totalTokens = (usage: Record<string, number> | null | undefined) =>
  usage ? (usage.total_tokens ?? (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0)) : null;

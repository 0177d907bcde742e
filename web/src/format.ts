// Numbers as people read them.

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

const plain = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : plain.format(value);
}

export function shortCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 10_000 ? plain.format(value) : compact.format(value);
}

export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "–";
  if (usd === 0) return "$0";
  if (usd < 0.001) return usd < 0.000_001 ? "<$0.000001" : `$${usd.toFixed(6)}`;
  if (usd < 1) return `$${usd.toFixed(4)}`;
  return usd < 1000 ? `$${usd.toFixed(2)}` : `$${compact.format(usd)}`;
}

/** An amount on the axis of a chart, where there is little room. */
export function roundMoney(usd: number): string {
  return usd === 0 ? "$0" : usd < 1 ? `$${Number(usd.toPrecision(2))}` : money(usd);
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

/** Time of day for today, with the date before that. */
export function moment(ns: number, now = Date.now()): string {
  const date = new Date(ns / MS);
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

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

// Time range: relative such as the last hour, or between two moments.

import { useMemo, useState } from "react";
import type { Selection } from "../api/types";

export const RANGES: Record<string, [string, number]> = {
  "15m": ["Last 15 minutes", 15 * 60e3],
  "1h": ["Last hour", 3600e3],
  "24h": ["Last 24 hours", 86_400e3],
  "7d": ["Last 7 days", 7 * 86_400e3],
  "30d": ["Last 30 days", 30 * 86_400e3],
};

/** Upper limit: in nanoseconds, more does not fit into 64 bits. */
const LATEST_MS = 9_223_372_036_854;

/** A moment from the URL in ms since 1970; null if it is not a moment. */
export function msOf(text: string | null): number | null {
  if (!text || !/^\d{1,15}$/.test(text)) return null;
  const ms = Number(text);
  return ms < LATEST_MS ? ms : null;
}

/** The selection from the URL; a relative moment stays fixed until the range changes. */
export function useSelection(url: URLSearchParams): Selection {
  const filter = url.get("filter") ?? "";
  const range = url.get("range") ?? "";
  const since = url.get("since");
  const until = url.get("until");
  const [opened] = useState(() => Date.now());
  return useMemo(() => {
    const last = RANGES[range]?.[1];
    const ns = (text: string | null) => {
      const ms = msOf(text);
      return ms === null ? null : ms * 1e6;
    };
    if (last) return { filter, since_ns: (Math.floor(opened / 60e3) * 60e3 - last) * 1e6, until_ns: null };
    return { filter, since_ns: ns(since), until_ns: ns(until) };
  }, [filter, range, since, until, opened]);
}

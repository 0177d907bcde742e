// A span of time: the last hour, or from one moment to another.

import { useMemo, useState } from "react";
import type { Selection } from "../api/types";

export const RANGES: Record<string, [string, number]> = {
  "15m": ["Last 15 minutes", 15 * 60e3],
  "1h": ["Last hour", 3600e3],
  "24h": ["Last 24 hours", 86_400e3],
  "7d": ["Last 7 days", 7 * 86_400e3],
  "30d": ["Last 30 days", 30 * 86_400e3],
};

/** The selection that an address names; a moment counted from now stays where it was until the range changes. */
export function useSelection(url: URLSearchParams): Selection {
  const filter = url.get("filter") ?? "";
  const range = url.get("range") ?? "";
  const since = url.get("since");
  const until = url.get("until");
  const [opened] = useState(() => Date.now());
  return useMemo(() => {
    const last = RANGES[range]?.[1];
    const ns = (ms: string | null) => (ms && Number.isFinite(Number(ms)) ? Number(ms) * 1e6 : null);
    if (last) return { filter, since_ns: (Math.floor(opened / 60e3) * 60e3 - last) * 1e6, until_ns: null };
    return { filter, since_ns: ns(since), until_ns: ns(until) };
  }, [filter, range, since, until, opened]);
}

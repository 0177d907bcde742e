// What the page asks of a server's alerts.

import { queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";

export interface Rule {
  name: string;
  /** On a server of projects, whose traces it is about. */
  project: string | null;
  when: string;
  window: string;
  filter: string;
  at_least: number;
  tell: string[];
  /** The newest value with its unit; null of nothing to measure, and of another project. */
  shown: string | null;
  since_ns: number | null;
  told_ns: number | null;
  fault: string | null;
}

export interface Channel {
  name: string;
  kind: string;
  told_ns: number | null;
  failed_ns: number | null;
  fault: string | null;
  waiting: number;
}

const EVERY_MS = 15_000; // as often as the server looks

export const alerts = () =>
  queryOptions({
    queryKey: ["alerts"],
    queryFn: ({ signal }) => request<{ alerts: Rule[]; channels: Channel[] }>("/alerts", {}, { signal }),
    refetchInterval: EVERY_MS,
  });

export const tryChannel = (name: string) =>
  request<{ told: boolean; fault: string | null }>(
    `/alerts/channels/${encodeURIComponent(name)}/trial`,
    {},
    { method: "POST" },
  );

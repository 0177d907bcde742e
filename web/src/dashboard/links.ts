// Addresses of the traces behind the dashboard's figures.

import { condition, conjuncts } from "../traces/conditions";

export const GROUPS = [
  ["model", "Model"],
  ["trace_name", "Trace"],
  ["name", "Step"],
  ["version", "Version"],
  ["user", "User"],
] as const;

export type Group = (typeof GROUPS)[number][0];

const FIELDS: Record<Group, string> = {
  model: "model",
  trace_name: "name",
  name: "span.name",
  version: "version",
  user: "user",
};

export const groupCondition = (group: Group, name: string) => condition(FIELDS[group], name);

/** The failed ones of a group; without a name those of all groups. */
export function failedCondition(group: Group, name?: string): string {
  if (group === "name") return name === undefined ? "errors > 0" : condition("failed_step", name);
  return group === "model" ? "errors > 0" : "state = 'ERROR'";
}

/** The traces that meet conditions, in the time and filter of the dashboard. */
export type TracesOf = (wanted: string[], order?: string, time?: [number, number]) => string;

export function tracesOf(url: URLSearchParams, filter: string): TracesOf {
  return (wanted, order = "", time) => {
    const next = new URLSearchParams();
    for (const name of ["range", "since", "until"]) {
      const value = url.get(name);
      if (value && !time) next.set(name, value);
    }
    if (time) {
      // the first and the last bar of a chart reach beyond the time that it counts
      const since = Math.max(time[0], Number(url.get("since") ?? time[0]));
      const until = Math.min(time[1], Number(url.get("until") ?? time[1]));
      // a bar outside of that time is of the chart before, which is shown until the next one has come
      const [first, last] = since < until ? [since, until] : time;
      next.set("since", String(first));
      next.set("until", String(last));
    }
    const isJoined = conjuncts(`${filter} AND x`).length > 1;
    const conditions = [...(filter ? [isJoined || !wanted.length ? filter : `(${filter})`] : []), ...wanted];
    if (conditions.length) next.set("filter", conditions.join(" AND "));
    if (order) next.set("order", order);
    return `/traces?${next}`;
  };
}

// Menu of the experiments, where there is more than one: the chosen one is a condition of the filter.

import { useQuery } from "@tanstack/react-query";
import { experimentList } from "../api/queries";
import { condition, conjuncts } from "./conditions";

const CONDITION = /^experiment\s*=\s*'((?:[^']|'')*)'$/i;

export function Experiments({ filter, onChange }: { filter: string; onChange: (filter: string) => void }) {
  const { data } = useQuery(experimentList());
  const parts = conjuncts(filter);
  const chosen = parts
    .map((part) => CONDITION.exec(part)?.[1]?.replaceAll("''", "'"))
    .find((name) => name !== undefined);
  const named = data?.experiments.filter((one) => one.trace_count > 0 || one.name === chosen) ?? [];
  if (named.length < 2) return null;
  const choose = (name: string) => {
    const rest = parts.filter((part) => !CONDITION.test(part));
    const isOr = rest.length === 1 && conjuncts(`${rest[0]} AND x`).length === 1;
    onChange(
      [...(isOr && name ? [`(${rest[0]})`] : rest), ...(name ? [condition("experiment", name)] : [])].join(" AND "),
    );
  };
  return (
    <select
      className="field experiments"
      aria-label="Experiment"
      title="Experiment"
      value={chosen ?? ""}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">All experiments</option>
      {named.map((one) => (
        <option key={one.experiment_id} value={one.name}>
          {one.name}
        </option>
      ))}
    </select>
  );
}

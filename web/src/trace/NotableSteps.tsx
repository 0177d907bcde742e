// One line above the steps: the slowest, the dearest and the failed ones, each a link.

import { CircleAlert, Coins, Timer } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { count, duration, money } from "../format";
import { notable } from "./notable";
import type { Node, Tree } from "./tree";

const FAILED_SHOWN = 2;

export function NotableSteps({ tree, onSelect }: { tree: Tree; onSelect: (spanId: string) => void }) {
  const { slowest, dearest, failed } = useMemo(() => notable(tree), [tree]);
  if (!slowest && !dearest && !failed.length) return null;
  const link = (word: string, icon: ReactNode, node: Node, figure: string) => (
    <li key={word + node.span.span_id}>
      <button type="button" className="link-button" onClick={() => onSelect(node.span.span_id)}>
        {icon} <span className="visually-hidden">{word}: </span>
        <span className="long-id">{node.span.name || "(no name)"}</span> {figure}
      </button>
    </li>
  );
  return (
    <ul className="notable num" aria-label="Notable steps">
      {failed
        .slice(0, FAILED_SHOWN)
        .map((node) => link("Failed", <CircleAlert aria-hidden className="failed" />, node, ""))}
      {failed.length > FAILED_SHOWN && <li className="dim">and {count(failed.length - FAILED_SHOWN)} failed more</li>}
      {slowest && link("Slowest", <Timer aria-hidden />, slowest, duration(slowest.span.duration_ns))}
      {dearest && link("Dearest", <Coins aria-hidden />, dearest, money(dearest.span.cost?.total_cost))}
    </ul>
  );
}

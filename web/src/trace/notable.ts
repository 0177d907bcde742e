// What somebody wants to see first in a trace: the slowest and the dearest step, and those that failed.

import { everyRow, type Node, type Tree } from "./tree";

export interface Notable {
  slowest: Node | null;
  dearest: Node | null;
  /** Failed steps without a failed one below. */
  failed: Node[];
}

/** Time that no step below explains. */
const ownTime = (node: Node) =>
  (node.span.duration_ns ?? 0) - node.children.reduce((sum, child) => sum + (child.span.duration_ns ?? 0), 0);

const CLEAR = 0.1;

/** A step is slow if it takes a tenth of the trace by itself; that of the root is the rest. */
export function notable(tree: Tree): Notable {
  const all = everyRow(tree);
  let slowest: Node | null = null;
  let most = (tree.end - tree.start) * CLEAR;
  let dearest: Node | null = null;
  let priced = 0;
  const failed: Node[] = [];
  for (const node of all) {
    const own = ownTime(node);
    if (node.parent && own > most) [slowest, most] = [node, own];
    const cost = node.span.cost?.total_cost ?? 0;
    if (cost > 0 && !node.children.some((child) => child.cost !== null)) {
      priced++;
      if (cost > (dearest?.span.cost?.total_cost ?? 0)) dearest = node;
    }
    if (node.span.status === "ERROR" && !node.children.some((child) => child.span.status === "ERROR"))
      failed.push(node);
  }
  return { slowest, dearest: priced > 1 ? dearest : null, failed };
}

/** The step in which the failure of a step began: the innermost failed one, along the one that failed last. */
export function raisedIn(node: Node): Node {
  let at = node;
  for (;;) {
    const failed = at.children.filter((child) => child.span.status === "ERROR");
    const same = failed.filter((child) => child.span.message === node.span.message);
    const next = (same.length ? same : failed).at(-1);
    if (!next) return at;
    at = next;
  }
}

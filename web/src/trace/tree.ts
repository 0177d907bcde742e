// The spans of a trace as rows of a tree, in time proportional to their number.

import type { LightSpan } from "../api/types";
import { totalTokens } from "../format";

export interface Node {
  span: LightSpan;
  depth: number;
  children: Node[];
  parent: Node | null;
  /** Whether a span below this one failed. */
  hasErrorBelow: boolean;
  descendants: number;
  /** Tokens of this step, or of the topmost steps below it that have any; its cost, by the same rule (topmost.py). */
  tokens: number;
  cost: number | null;
  place: number;
  /** The siblings of the same name that it may stand for, or stands among; it is the first of them if it leads. */
  fold: Fold | null;
}

/** Many siblings of one name: shown as one row until they are opened. */
export interface Fold {
  id: string;
  members: Node[];
  p50: number;
  p95: number;
  failed: number;
  tokens: number;
  cost: number | null;
  start: number;
  end: number;
}

export interface Tree {
  roots: Node[];
  byId: Map<string, Node>;
  start: number;
  end: number;
}

export function buildTree(spans: LightSpan[], now: number): Tree {
  const byId = new Map<string, Node>();
  for (const span of spans)
    byId.set(span.span_id, {
      span,
      depth: 0,
      children: [],
      parent: null,
      hasErrorBelow: false,
      descendants: 0,
      tokens: 0,
      cost: null,
      place: 1,
      fold: null,
    });
  const roots: Node[] = [];
  for (const node of byId.values()) {
    const parent = node.span.parent_id ? byId.get(node.span.parent_id) : undefined;
    if (parent && parent !== node) {
      node.parent = parent;
      parent.children.push(node);
    } else roots.push(node);
  }
  roots.sort(byStart);
  const all = preorder(roots, placed);
  breakCircles(byId, all, roots);
  roots.forEach((node, index) => {
    node.place = index + 1;
  });
  for (let index = all.length - 1; index >= 0; index--) {
    const node = all[index];
    if (!node) continue;
    if (node.span.usage) node.tokens = totalTokens(node.span.usage) ?? 0;
    if (node.span.cost) node.cost = node.span.cost.total_cost;
    if (!node.parent) continue;
    node.parent.tokens += node.tokens;
    if (node.cost !== null) node.parent.cost = (node.parent.cost ?? 0) + node.cost;
    node.parent.descendants += node.descendants + 1;
    if (node.hasErrorBelow || node.span.status === "ERROR") node.parent.hasErrorBelow = true;
  }
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { span } of all) {
    start = Math.min(start, span.start_ns);
    end = Math.max(end, endOf(span, now));
  }
  for (const siblings of [roots, ...all.map((node) => node.children)]) foldRepeated(siblings, now);
  return { roots, byId, start, end };
}

export const isRunning = (span: LightSpan) => span.status === "IN_PROGRESS";

export const endOf = (span: LightSpan, now: number) =>
  span.duration_ns === undefined || span.duration_ns === null
    ? isRunning(span)
      ? Math.max(now, span.start_ns)
      : span.start_ns
    : span.start_ns + span.duration_ns;

/** End of a step's bar: a running step reaches the last moment of the trace, even if clocks differ. */
export const barEnd = (span: LightSpan, tree: Tree, now: number) =>
  isCut(span) ? tree.end : endOf(span, Math.max(now, tree.end));

/** A step whose process died: the last that was heard of that is the last moment of the trace. */
const isCut = (span: LightSpan) => span.status === "INTERRUPTED" && typeof span.duration_ns !== "number";

const byStart = (a: Node, b: Node) => a.span.start_ns - b.span.start_ns;

function placed(node: Node): Node[] {
  node.children.sort(byStart);
  node.children.forEach((child, index) => {
    child.depth = node.depth + 1;
    child.place = index + 1;
  });
  return node.children;
}

/** Parents of a damaged trace may form a cycle that no root leads to: one of its spans becomes a root. */
function breakCircles(byId: Map<string, Node>, all: Node[], roots: Node[]): void {
  if (all.length === byId.size) return;
  const reached = new Set(all);
  for (const node of byId.values()) {
    if (reached.has(node)) continue;
    if (node.parent) node.parent.children = node.parent.children.filter((child) => child !== node);
    node.parent = null;
    roots.push(node);
    for (const below of preorder([node], placed)) {
      reached.add(below);
      all.push(below);
    }
  }
}

function preorder(roots: Node[], childrenOf: (node: Node) => Node[]): Node[] {
  const all: Node[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    all.push(node);
    const children = childrenOf(node);
    for (let index = children.length - 1; index >= 0; index--) stack.push(children[index] as Node);
  }
  return all;
}

const FEWEST_FOLDED = 20;

function foldRepeated(siblings: Node[], now: number): void {
  if (siblings.length < FEWEST_FOLDED) return;
  const byName = new Map<string, Node[]>();
  for (const node of siblings) {
    const key = `${node.span.type} ${node.span.name}`;
    const members = byName.get(key);
    if (members) members.push(node);
    else byName.set(key, [node]);
  }
  for (const members of byName.values()) {
    if (members.length < FEWEST_FOLDED) continue;
    const fold = foldOf(members, now);
    for (const member of members) member.fold = fold;
  }
}

function foldOf(members: Node[], now: number): Fold {
  const durations = members.map((node) => node.span.duration_ns ?? 0).sort((a, b) => a - b);
  const at = (share: number) => durations[Math.max(0, Math.ceil(share * durations.length) - 1)] ?? 0;
  const costs = members.flatMap((node) => (node.cost === null ? [] : [node.cost]));
  return {
    id: `fold:${members[0]?.span.span_id}`,
    members,
    p50: at(0.5),
    p95: at(0.95),
    failed: members.filter((node) => node.span.status === "ERROR" || node.hasErrorBelow).length,
    tokens: members.reduce((sum, node) => sum + node.tokens, 0),
    cost: costs.length ? costs.reduce((sum, cost) => sum + cost, 0) : null,
    start: members[0]?.span.start_ns ?? 0,
    end: members.reduce((last, node) => Math.max(last, endOf(node.span, now)), 0),
  };
}

/** Whether a step is the first of its folded siblings. */
export const isLeader = (node: Node) => node.fold !== null && node.fold.members[0] === node;

/** Rows on screen: `opened` has the folds that are open, `collapsed` the steps that are closed. */
export function visibleRows(tree: Tree, collapsed: ReadonlySet<string>, opened: ReadonlySet<string>): Node[] {
  const isFolded = (node: Node) => node.fold !== null && !opened.has(node.fold.id);
  const shown = (siblings: Node[]) => siblings.filter((node) => !isFolded(node) || isLeader(node));
  return preorder(shown(tree.roots), (node) =>
    collapsed.has(node.span.span_id) || isFolded(node) ? [] : shown(node.children),
  );
}

export const everyRow = (tree: Tree): Node[] => preorder(tree.roots, (node) => node.children);

/** The spans that match a search by name, type, model, error or id. */
export function matches(span: LightSpan, needle: string): boolean {
  return [span.name, span.type, span.model, span.message, span.span_id].some((text) =>
    text?.toLowerCase().includes(needle),
  );
}

export function ancestors(node: Node | undefined): Node[] {
  const found: Node[] = [];
  for (let up = node?.parent ?? null; up; up = up.parent) found.push(up);
  return found;
}

/** Tokens of a step, or of the topmost steps below it that have any. */
export function usageBelow(node: Node): { input: number; output: number; total: number } {
  const sum = { input: 0, output: 0, total: 0 };
  const stack: Node[] = [node];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { usage } = top.span;
    if (!usage) {
      stack.push(...top.children);
      continue;
    }
    sum.input += usage.input_tokens ?? 0;
    sum.output += usage.output_tokens ?? 0;
    sum.total += usage.total_tokens ?? (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
  }
  return sum;
}

const MODEL_TYPES = new Set(["CHAT_MODEL", "LLM"]);

/** The last model call to end below a step: its messages hold the conversation so far. */
export function lastModelCall(node: Node): Node | null {
  let found: Node | null = null;
  const stack = [...node.children];
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (!MODEL_TYPES.has(top.span.type)) stack.push(...top.children);
    else if (top.span.duration_ns && (!found || endOf(top.span, 0) > endOf(found.span, 0))) found = top;
  }
  return found;
}

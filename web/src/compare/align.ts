// Alignment of the steps of two traces.

import type { Node, Tree } from "../trace/tree";

export interface Pair {
  a: Node | null;
  b: Node | null;
  depth: number;
}

const MOST_SIBLINGS = 600;

/** A call of another model is the same step, though many instrumentations name it after the model. */
const isSameStep = (a: Node, b: Node) =>
  a.span.type === b.span.type && (a.span.name === b.span.name || Boolean(a.span.model && b.span.model));

/** Steps are paired level by level, in order, by name and kind, calls of models by kind; the rest stay unpaired. */
export function align(a: Tree, b: Tree): Pair[] {
  const rows: Pair[] = [];
  const stack = siblings(a.roots, b.roots, 0).reverse();
  for (let pair = stack.pop(); pair; pair = stack.pop()) {
    rows.push(pair);
    stack.push(...siblings(pair.a?.children ?? [], pair.b?.children ?? [], pair.depth + 1).reverse());
  }
  return rows;
}

function siblings(a: Node[], b: Node[], depth: number): Pair[] {
  // the roots of two traces with one root each are a pair, whatever their names
  if (depth === 0 && a.length === 1 && b.length === 1) return [{ a: a[0] ?? null, b: b[0] ?? null, depth }];
  const pairs: Pair[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of common(a, b)) {
    while (i < x) pairs.push({ a: a[i++] ?? null, b: null, depth });
    while (j < y) pairs.push({ a: null, b: b[j++] ?? null, depth });
    pairs.push({ a: a[i++] ?? null, b: b[j++] ?? null, depth });
  }
  while (i < a.length) pairs.push({ a: a[i++] ?? null, b: null, depth });
  while (j < b.length) pairs.push({ a: null, b: b[j++] ?? null, depth });
  return pairs;
}

/** The longest common subsequence of names; for very many siblings, equal positions. */
function common(a: Node[], b: Node[]): [number, number][] {
  if (a.length > MOST_SIBLINGS || b.length > MOST_SIBLINGS) {
    const length = Math.min(a.length, b.length);
    return Array.from({ length }, (_, at): [number, number] => [at, at]).filter(([x, y]) =>
      isSameStep(a[x] as Node, b[y] as Node),
    );
  }
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number) => best[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * width + j] = isSameStep(a[i] as Node, b[j] as Node)
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
  const found: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (isSameStep(a[i] as Node, b[j] as Node)) found.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return found;
}

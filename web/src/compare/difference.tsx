// Differences of two texts.

import { diffLines, diffWordsWithSpace } from "diff";
import type { Json } from "../api/types";

const TOO_LONG = 30_000;

export type Piece = { value: string; added: boolean; removed: boolean };
export type Side = "a" | "b";

export const pretty = (value: Json | undefined) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);

const replaced = (a: string, b: string): Piece[] => [
  { value: a, added: false, removed: true },
  { value: b, added: true, removed: false },
];

/** Differences word by word; two texts with little in common are shown unmarked. */
export function difference(a: string, b: string): Piece[] {
  const options = { timeout: 500 };
  const changes = a.length + b.length > TOO_LONG ? diffLines(a, b, options) : diffWordsWithSpace(a, b, options);
  const kept = changes?.reduce((sum, piece) => sum + (piece.added || piece.removed ? 0 : piece.value.length), 0) ?? 0;
  return changes && kept * 3 > Math.min(a.length, b.length) ? changes : replaced(a, b);
}

export const hasNothingInCommon = (pieces: Piece[]) =>
  pieces.length === 2 && pieces.every((piece) => piece.added || piece.removed);

/** One side of a difference: what only this side has is marked. */
export function Marked({ pieces, side }: { pieces: Piece[]; side: Side }) {
  const [mine, other] = side === "a" ? (["removed", "added"] as const) : (["added", "removed"] as const);
  const Tag = side === "a" ? "del" : "ins";
  const isWhole = hasNothingInCommon(pieces);
  return pieces.map((piece, index) => {
    if (piece[other]) return null;
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a text
    return piece[mine] && !isWhole ? <Tag key={index}>{piece.value}</Tag> : piece.value;
  });
}

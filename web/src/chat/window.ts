// Messages of a long conversation on screen: the first, and a window over the others.

const LONG = 14;
const HEAD = 2;
const TAIL = 8;
const STEP = 12;
const MOST = 24;

export interface Window {
  /** Number of messages. */
  of: number;
  head: number;
  from: number;
  to: number;
}

export const firstWindow = (of: number): Window =>
  of > LONG ? { of, head: HEAD, from: of - TAIL, to: of } : { of, head: 0, from: 0, to: of };

export function earlier({ of, head, from, to }: Window): Window {
  const start = Math.max(head, from - STEP);
  return { of, head, from: start, to: Math.min(to, start + MOST) };
}

export function later({ of, head, from, to }: Window): Window {
  const end = Math.min(of, to + STEP);
  return { of, head, from: Math.max(from, end - MOST), to: end };
}

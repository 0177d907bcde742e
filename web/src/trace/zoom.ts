// The part of a trace's time that the waterfall shows, as shares of the whole.

export interface View {
  from: number;
  to: number;
}

export const WHOLE: View = { from: 0, to: 1 };

const CLOSEST = 1e-5;

/** Shows `factor` times as much time; the moment `at` stays where it is. */
export function zoomed(view: View, factor: number, at: number): View {
  const width = Math.min(1, Math.max(CLOSEST, (view.to - view.from) * factor));
  const from = at - ((at - view.from) * width) / (view.to - view.from);
  return moved({ from, to: from + width });
}

/** Shows the time between two moments, in any order. */
export function between(a: number, b: number): View {
  const middle = (a + b) / 2;
  const half = Math.max(CLOSEST, Math.abs(a - b)) / 2;
  return moved({ from: middle - half, to: middle + half });
}

function moved({ from, to }: View): View {
  const by = Math.max(0, -from) - Math.max(0, to - 1);
  return to - from > 0.999_999 ? WHOLE : { from: from + by, to: to + by };
}

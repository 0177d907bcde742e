// Pagination: one page of many rows, and its buttons.

import { ChevronLeft, ChevronRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { count } from "../format";

/** First and last row of the page and its buttons; null if all rows fit. */
export function usePage(total: number, size: number, what: string): [number, number, ReactNode] {
  const [wanted, setFrom] = useState(0);
  if (total <= size) return [0, total, null];
  const from = wanted < total ? wanted : 0;
  const to = Math.min(total, from + size);
  const turn = (at: number, word: string, icon: ReactNode, isPossible: boolean) => (
    <button
      type="button"
      className="button quiet square"
      aria-label={`${word} ${what}`}
      disabled={!isPossible}
      onClick={() => setFrom(at)}
    >
      {icon}
    </button>
  );
  return [
    from,
    to,
    <div key="pages" className="pager">
      {turn(Math.max(0, from - size), "Earlier", <ChevronLeft aria-hidden />, from > 0)}
      <span className="num dim" role="status">
        {count(from + 1)} to {count(to)} of {count(total)} {what}
      </span>
      {turn(to, "Later", <ChevronRight aria-hidden />, to < total)}
    </div>,
  ];
}

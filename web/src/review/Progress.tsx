// How far the reviews of a queue are.

import type { ReviewProgress } from "../api/types";
import { count, plural } from "../format";

export function Progress({ progress }: { progress: ReviewProgress }) {
  const { trace_count: all, reviewed_count: done, by_reviewer: mine } = progress;
  return (
    <div className="review-progress num">
      <progress max={Math.max(1, all)} value={done} aria-label="Traces that are reviewed" />
      <span>
        {all ? `${count(done)} of ${plural(all, "trace")} reviewed` : "no traces"}
        {all > 0 && mine !== null && <span className="dim"> · {count(mine)} by you</span>}
      </span>
    </div>
  );
}

// Error message at the place of the error.

import { CircleAlert } from "lucide-react";
import { isAway } from "../api/client";

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="notice error" role="alert">
      <CircleAlert aria-hidden />
      <span>
        {error instanceof Error ? error.message : String(error)}
        {retry && isAway(error) && " It is asked again every few seconds."}
      </span>
      {retry && (
        <button type="button" className="button quiet" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

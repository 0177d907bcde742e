// Error message at the place of the error.

import { CircleAlert } from "lucide-react";

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="notice error" role="alert">
      <CircleAlert aria-hidden />
      <span>{error instanceof Error ? error.message : String(error)}</span>
      {retry && (
        <button type="button" className="button quiet" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

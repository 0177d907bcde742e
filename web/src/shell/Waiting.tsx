// A line on top while the page waits for what it has nothing of yet.

import { useIsFetching } from "@tanstack/react-query";

export function Waiting() {
  const isWaiting = useIsFetching({ predicate: (query) => query.state.data === undefined }) > 0;
  return isWaiting ? <div className="waiting-line" role="progressbar" aria-label="Loading" /> : null;
}

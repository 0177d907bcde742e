// State of the page in its URL, so that a link restores it.

import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

type Changes = Record<string, string | null>;

export function useUrlState(): [URLSearchParams, (changes: Changes, replace?: boolean) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const state = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback(
    (changes: Changes, replace = false) => {
      const next = new URLSearchParams(window.location.search);
      for (const [key, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(key);
        else next.set(key, value);
      }
      navigate(next.size ? `${path}?${next}` : path, { replace });
    },
    [navigate, path],
  );
  return [state, change];
}

// A setting of the user that is stored in the browser.

import { useCallback, useState } from "react";

export function useRemembered<T>(key: string, initial: T): [T, (value: T) => void] {
  const name = `tracer.${key}`;
  const [value, setValue] = useState<T>(() => read(name, initial));
  const set = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(name, JSON.stringify(next));
      } catch {
        // storage is full or forbidden: the setting lasts as long as the page
      }
    },
    [name],
  );
  return [value, set];
}

function read<T>(name: string, initial: T): T {
  try {
    const stored = localStorage.getItem(name);
    return stored === null ? initial : (JSON.parse(stored) as T);
  } catch {
    return initial;
  }
}

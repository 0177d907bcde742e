// The first of many items, and a button for more.

import { type ReactNode, useState } from "react";
import { count } from "../format";

interface Props<T> {
  items: T[];
  first: number;
  step: number;
  isList?: boolean;
  children: (item: T, index: number) => ReactNode;
}

export function More<T>({ items, first, step, isList = false, children }: Props<T>) {
  const [shown, setShown] = useState(first);
  const left = items.length - shown;
  const button = (
    <button type="button" className="link-button" onClick={() => setShown(shown + step)}>
      Show {left > step ? `${count(step)} of ` : ""}
      {count(left)} more
    </button>
  );
  return (
    <>
      {items.slice(0, shown).map(children)}
      {left > 0 && (isList ? <li>{button}</li> : button)}
    </>
  );
}

// Long content, cut to what one takes in at a glance until the reader wants it all.

import { type ReactNode, useState } from "react";

const LONG = 4_000;
const LONG_INSTRUCTIONS = 700;

export function Folded({ by, startsFolded, children }: { by: number; startsFolded: boolean; children: ReactNode }) {
  const isLong = by > (startsFolded ? LONG_INSTRUCTIONS : LONG);
  const [isOpen, setOpen] = useState(false);
  if (!isLong) return children;
  return (
    <>
      {/* what is cut off is not reachable by keyboard either */}
      <div className={isOpen ? "" : startsFolded ? "fold fold-short" : "fold"} inert={isOpen ? undefined : true}>
        {children}
      </div>
      <button type="button" className="link-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? "Show less" : `Show all ${by.toLocaleString("en-US")} characters`}
      </button>
    </>
  );
}

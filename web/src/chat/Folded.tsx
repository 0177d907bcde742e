// A long message, cut to a glance until the user opens it.

import { type ReactNode, useState } from "react";
import { count } from "../format";
import { EXPANDED_LIMITS, LimitsProvider, useLimits } from "../text/displayLimits";

/** Content that fits into the height of a fold. */
const IN_SIGHT = { characters: 2_500, lines: 40 };
const INSTRUCTIONS = { characters: 700, lines: 24 };

interface Props {
  /** Number of characters and lines. */
  characters: number;
  lines: number;
  startsFolded: boolean;
  children: ReactNode;
}

export function Folded({ characters, lines, startsFolded, children }: Props) {
  const limits = useLimits();
  const limit = startsFolded ? INSTRUCTIONS : limits;
  const [isOpen, setOpen] = useState(false);
  if (characters <= limit.characters && lines <= limit.lines) return children;
  const closed = {
    ...limits,
    characters: Math.min(limit.characters, IN_SIGHT.characters),
    lines: Math.min(limit.lines, IN_SIGHT.lines),
    isCollapsed: true,
  };
  const isWholeWhenOpen = characters <= EXPANDED_LIMITS.characters && lines <= EXPANDED_LIMITS.lines;
  return (
    <>
      {/* hidden content is not reachable by keyboard either */}
      <div className={isOpen ? "" : startsFolded ? "fold fold-short" : "fold"} inert={isOpen ? undefined : true}>
        <LimitsProvider value={isOpen ? EXPANDED_LIMITS : closed}>{children}</LimitsProvider>
      </div>
      <button type="button" className="link-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? "Show less" : `Show ${isWholeWhenOpen ? "all" : "more of"} ${count(characters)} characters`}
      </button>
    </>
  );
}

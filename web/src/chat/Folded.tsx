// A long message, cut to what one takes in at a glance until the reader wants it all.

import { type ReactNode, useState } from "react";
import { count } from "../format";
import { RoomProvider, useRoom, WIDE } from "../text/room";

/** As much as the height of a fold can show. */
const IN_SIGHT = { characters: 2_500, lines: 40 };
const INSTRUCTIONS = { characters: 700, lines: 24 };

interface Props {
  /** How many characters and lines there are. */
  characters: number;
  lines: number;
  startsFolded: boolean;
  children: ReactNode;
}

export function Folded({ characters, lines, startsFolded, children }: Props) {
  const room = useRoom();
  const limit = startsFolded ? INSTRUCTIONS : room;
  const [isOpen, setOpen] = useState(false);
  if (characters <= limit.characters && lines <= limit.lines) return children;
  const closed = {
    ...room,
    characters: Math.min(limit.characters, IN_SIGHT.characters),
    lines: Math.min(limit.lines, IN_SIGHT.lines),
    isClosed: true,
  };
  const isWholeWhenOpen = characters <= WIDE.characters && lines <= WIDE.lines;
  return (
    <>
      {/* what is cut off is not reachable by keyboard either */}
      <div className={isOpen ? "" : startsFolded ? "fold fold-short" : "fold"} inert={isOpen ? undefined : true}>
        <RoomProvider value={isOpen ? WIDE : closed}>{children}</RoomProvider>
      </div>
      <button type="button" className="link-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? "Show less" : `Show ${isWholeWhenOpen ? "all" : "more of"} ${count(characters)} characters`}
      </button>
    </>
  );
}

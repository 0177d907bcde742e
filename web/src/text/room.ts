// How much of long values is shown before the reader asks for more.

import { createContext, useContext } from "react";

export interface Room {
  characters: number;
  lines: number;
  /** Entries of a JSON tree that are open from the start. */
  entries: number;
  /** Whether what is cut off is asked for elsewhere. */
  isClosed: boolean;
}

export const ROOM: Room = { characters: 4_000, lines: 400, entries: 100, isClosed: false };
/** What the reader asked for. */
export const WIDE: Room = { characters: 20_000, lines: 500, entries: 100, isClosed: false };

const Given = createContext<Room>(ROOM);
export const RoomProvider = Given.Provider;
export const useRoom = () => useContext(Given);

/** What each of so many long values has, so that all of them together stay readable. */
export function shared(room: Room, by: number): Room {
  const part = (all: number, most: number, least: number) => Math.max(Math.min(least, most), Math.min(most, all / by));
  return {
    ...room,
    characters: Math.floor(part(20_000, room.characters, 700)),
    lines: Math.floor(part(400, room.lines, 12)),
    entries: Math.floor(part(100, room.entries, 10)),
  };
}

/** Where a text is cut: at the end of a line where one is near; its length when it fits. */
export function cutAt(text: string, { characters, lines }: Pick<Room, "characters" | "lines">): number {
  let end = 0;
  for (let line = 0; line < lines; line++) {
    const next = text.indexOf("\n", end);
    if (next < 0 || next >= characters)
      return text.length <= characters * 1.1 && next < 0 ? text.length : near(text, end, characters);
    end = next + 1;
  }
  return end;
}

function near(text: string, lineEnd: number, characters: number): number {
  if (lineEnd > characters * 0.6) return lineEnd;
  const isHalfACharacter = /[\ud800-\udbff]/.test(text[characters - 1] ?? "");
  return Math.min(text.length, isHalfACharacter ? characters - 1 : characters);
}

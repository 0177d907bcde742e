// Limits for long values: what is shown before the user asks for more.

import { createContext, useContext } from "react";

export interface DisplayLimits {
  characters: number;
  lines: number;
  /** Entries of a JSON tree that are open from the start. */
  entries: number;
  /** Whether the button that shows more belongs to the component around it. */
  isCollapsed: boolean;
}

export const DEFAULT_LIMITS: DisplayLimits = { characters: 4_000, lines: 400, entries: 100, isCollapsed: false };
/** After the user has asked for more. */
export const EXPANDED_LIMITS: DisplayLimits = { characters: 20_000, lines: 500, entries: 100, isCollapsed: false };

const LimitsContext = createContext<DisplayLimits>(DEFAULT_LIMITS);
export const LimitsProvider = LimitsContext.Provider;
export const useLimits = () => useContext(LimitsContext);

/** Limits of each of `count` long values, so that all of them together stay readable. */
export function sharedLimits(limits: DisplayLimits, count: number): DisplayLimits {
  const part = (all: number, most: number, least: number) =>
    Math.max(Math.min(least, most), Math.min(most, all / count));
  return {
    ...limits,
    characters: Math.floor(part(20_000, limits.characters, 700)),
    lines: Math.floor(part(400, limits.lines, 12)),
    entries: Math.floor(part(100, limits.entries, 10)),
  };
}

/** Offset at which a text is cut: the end of a line where one is near; its length when it fits. */
export function cutAt(text: string, { characters, lines }: Pick<DisplayLimits, "characters" | "lines">): number {
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

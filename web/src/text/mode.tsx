// The user's choice how texts and values are shown.

import { createContext, type ReactNode, useContext } from "react";
import { useRemembered } from "../ui/remembered";
import { Segments } from "../ui/Segments";

export type Mode = "pretty" | "markdown" | "raw" | "json";

const MODES = [
  ["pretty", "Pretty"],
  ["markdown", "Markdown"],
  ["raw", "Raw"],
  ["json", "JSON"],
] as const;

const Chosen = createContext<[Mode, (mode: Mode) => void]>(["pretty", () => undefined]);

export function ModeProvider({ children }: { children: ReactNode }) {
  const [mode, setMode] = useRemembered<Mode>("mode", "pretty");
  return <Chosen.Provider value={[mode, setMode]}>{children}</Chosen.Provider>;
}

export const useMode = () => useContext(Chosen)[0];

export function ModeChoice() {
  const [mode, setMode] = useContext(Chosen);
  return <Segments label="Show as" value={mode} options={MODES} onChange={setMode} />;
}

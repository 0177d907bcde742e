// State of a trace or span as a badge or a dot.

import { CircleAlert, CircleCheck, CircleDashed, LoaderCircle } from "lucide-react";
import type { SpanStatus, State } from "../api/types";

const LOOKS = {
  OK: { tone: "ok", word: "OK", Icon: CircleCheck },
  UNSET: { tone: "ok", word: "OK", Icon: CircleCheck },
  ERROR: { tone: "error", word: "Error", Icon: CircleAlert },
  IN_PROGRESS: { tone: "run", word: "Running", Icon: LoaderCircle },
  INTERRUPTED: { tone: "warn", word: "Interrupted", Icon: CircleDashed },
} as const;

export function StateBadge({ state }: { state: State | SpanStatus }) {
  const { tone, word, Icon } = LOOKS[state] ?? LOOKS.UNSET;
  return (
    <span className={`badge ${tone}`}>
      <Icon aria-hidden className={state === "IN_PROGRESS" ? "pulse" : undefined} />
      {word}
    </span>
  );
}

export const stateWord = (state: State | SpanStatus) => (LOOKS[state] ?? LOOKS.UNSET).word;

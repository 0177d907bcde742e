// A long text: a first part of it, and buttons for more.

import { type ReactNode, useState } from "react";
import { count } from "../format";
import { cutAt, useLimits } from "./displayLimits";

const STEP = { characters: 20_000, lines: 500 };

export function Cut({ text, children }: { text: string; children: (shown: string) => ReactNode }) {
  const limits = useLimits();
  const [steps, setSteps] = useState(0);
  const end = cutAt(text, {
    characters: limits.characters + steps * STEP.characters,
    lines: limits.lines + steps * STEP.lines,
  });
  if (end >= text.length && !steps) return children(text);
  const left = text.length - end;
  return (
    <>
      {children(text.slice(0, end))}
      {!limits.isCollapsed && (
        <div className="cut">
          {left > 0 && (
            <button type="button" className="link-button" onClick={() => setSteps(steps + 1)}>
              Show {left > STEP.characters ? "more" : "all"} of {count(text.length)} characters
            </button>
          )}
          {steps > 0 && (
            <button type="button" className="link-button" onClick={() => setSteps(0)}>
              Show less
            </button>
          )}
        </div>
      )}
    </>
  );
}

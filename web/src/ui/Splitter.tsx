// The line between two panes, moved by mouse, finger or arrow keys.

import { type CSSProperties, type ReactNode, useRef } from "react";
import { useRemembered } from "./remembered";

interface Props {
  name: string;
  label: string;
  initial: number;
  first: ReactNode;
  second: ReactNode;
}

const clamp = (share: number) => Math.min(75, Math.max(20, share));

export function Splitter({ name, label, initial, first, second }: Props) {
  const [share, setShare] = useRemembered(`split.${name}`, initial);
  const frame = useRef<HTMLDivElement>(null);
  const moveTo = (x: number) => {
    const box = frame.current?.getBoundingClientRect();
    if (box) setShare(clamp((100 * (x - box.left)) / box.width));
  };
  const step: Record<string, number> = { ArrowLeft: -2, ArrowRight: 2 };
  return (
    <div className="split" ref={frame} style={{ "--split": `${share}%` } as CSSProperties}>
      <div className="split-pane split-first">{first}</div>
      <div
        role="separator"
        tabIndex={0}
        className="split-line"
        aria-label={label}
        aria-orientation="vertical"
        aria-valuenow={Math.round(share)}
        aria-valuemin={20}
        aria-valuemax={75}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && moveTo(event.clientX)}
        onKeyDown={(event) => {
          const by = step[event.key];
          if (by) setShare(clamp(share + by));
        }}
      />
      <div className="split-pane split-second">{second}</div>
    </div>
  );
}

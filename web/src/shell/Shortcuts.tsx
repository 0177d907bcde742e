// Dialog with the keyboard shortcuts.

import { Dialog, DialogDismiss, DialogHeading } from "@ariakit/react";
import { useRef } from "react";
import { useLocation } from "wouter";

/** Title, the address where the keys count, and the keys. */
type Group = [string, RegExp, [string, string][]];

const GROUPS: Group[] = [
  [
    "Everywhere",
    /^/,
    [
      ["?", "this list"],
      ["/", "search"],
      ["Esc", "back to the list"],
    ],
  ],
  [
    "Traces",
    /^\/traces$/,
    [
      ["j k", "next, previous row (also ↓ ↑)"],
      ["Enter", "open the trace"],
      ["x", "mark for comparing"],
      ["g", "to the newest"],
    ],
  ],
  [
    "Evaluations",
    /^\/evaluations/,
    [
      ["j k", "next, previous run or row (also ↓ ↑)"],
      ["Enter", "open the run, the row's trace"],
      ["x", "mark a run for comparing"],
    ],
  ],
  [
    "A trace",
    /^\/traces\/./,
    [
      ["j k", "next, previous step (also ↓ ↑)"],
      ["→ ←", "open, close a step"],
      ["e E", "next, previous error"],
      ["n N", "next, previous finding"],
      ["[ ]", "newer, older trace"],
      ["t", "try a model's call again"],
    ],
  ],
  [
    "Trying again",
    /^\/try$/,
    [
      ["Ctrl+Enter", "run this variant"],
      ["Ctrl+Shift+Enter", "run all"],
    ],
  ],
  [
    "Review",
    /^\/review\/./,
    [
      ["y n", "yes, no"],
      ["1 – 9", "a number, or a choice"],
      ["t", "to the text"],
      ["Enter s b", "next, skip, back"],
      ["u", "undo"],
      ["c", "conversation or input and output"],
    ],
  ],
  [
    "Datasets",
    /^\/datasets\/./,
    [
      ["j k", "next, previous row"],
      ["Enter", "open the row, close it"],
      ["Ctrl+Enter", "save the row"],
      ["a", "add a row"],
      ["x", "mark a row"],
    ],
  ],
];

/** Those of the page that is shown come first. */
const sorted = (path: string): Group[] => [
  ...GROUPS.filter(([, where]) => where.test(path)),
  ...GROUPS.filter(([, where]) => !where.test(path)),
];

export function Shortcuts({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [path] = useLocation();
  const dialog = useRef<HTMLDivElement>(null);
  return (
    <Dialog
      ref={dialog}
      open={open}
      onClose={onClose}
      className="dialog"
      backdrop={<div className="backdrop" />}
      // the focus on the button at its end would scroll the list away
      initialFocus={dialog}
      unmountOnHide
    >
      <DialogHeading>Keyboard shortcuts</DialogHeading>
      <div className="shortcuts">
        {sorted(path).map(([title, , keys]) => (
          <section key={title}>
            <h3 className="section-title">{title}</h3>
            <dl>
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    {key
                      .split(" ")
                      .map((one) => (one === "–" ? <span key={one}>{one}</span> : <kbd key={one}>{one}</kbd>))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div className="dialog-actions">
        <DialogDismiss className="button">Close</DialogDismiss>
      </div>
    </Dialog>
  );
}

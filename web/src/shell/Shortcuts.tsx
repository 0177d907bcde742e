// Dialog with the keyboard shortcuts.

import { Dialog, DialogDismiss, DialogHeading } from "@ariakit/react";

const GROUPS: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["?", "this list"],
      ["/", "search"],
      ["Esc", "back to the list"],
    ],
  ],
  [
    "Traces",
    [
      ["j k", "next, previous row (also ↓ ↑)"],
      ["Enter", "open the trace"],
      ["x", "mark for comparing"],
      ["g", "to the newest"],
    ],
  ],
  [
    "Evaluations",
    [
      ["j k", "next, previous run or row (also ↓ ↑)"],
      ["Enter", "open the run, the row's trace"],
      ["x", "mark a run for comparing"],
    ],
  ],
  [
    "A trace",
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
    [
      ["Ctrl+Enter", "run this variant"],
      ["Ctrl+Shift+Enter", "run all"],
    ],
  ],
  [
    "Review",
    [
      ["y n", "yes, no"],
      ["1 9", "a number, or a choice"],
      ["t", "to the text"],
      ["Enter s b", "next, skip, back"],
      ["u", "undo"],
      ["c", "conversation or input and output"],
    ],
  ],
];

export function Shortcuts({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} className="dialog" backdrop={<div className="backdrop" />} unmountOnHide>
      <DialogHeading>Keyboard shortcuts</DialogHeading>
      <div className="shortcuts">
        {GROUPS.map(([title, keys]) => (
          <section key={title}>
            <h3 className="section-title">{title}</h3>
            <dl>
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    {key.split(" ").map((one) => (
                      <kbd key={one}>{one}</kbd>
                    ))}
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

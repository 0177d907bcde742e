// Dialog that confirms a deletion.

import { Dialog, DialogHeading } from "@ariakit/react";
import { useState } from "react";
import { Problem } from "./Problem";

interface Props {
  open: boolean;
  title: string;
  text: string;
  action: string;
  onCancel: () => void;
  onConfirm: () => Promise<unknown>;
}

export function ConfirmDialog({ open, title, text, action, onCancel, onConfirm }: Props) {
  const [problem, setProblem] = useState<unknown>(null);
  return (
    <Dialog open={open} onClose={onCancel} className="dialog" backdrop={<div className="backdrop" />} unmountOnHide>
      <DialogHeading>{title}</DialogHeading>
      <p>{text}</p>
      {problem !== null && <Problem error={problem} />}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="button" className="button danger" onClick={() => void onConfirm().catch(setProblem)}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}

// Copying a trace or a step, as a command, as Python, or as JSON.

import { Braces, Check, Copy, Hash, Link2, SquareCode, Terminal, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { request } from "../api/client";
import { queryClient, traceAnswer } from "../api/queries";
import type { Trace } from "../api/types";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { copyText } from "../ui/Copy";
import { Menu, MenuItem } from "../ui/Menu";
import { listAddress } from "./neighbours";

export function CopyMenu({ trace }: { trace: Trace }) {
  const [isDone, setDone] = useState(false);
  const [isDeleting, setDeleting] = useState(false);
  const [, navigate] = useLocation();
  const copy = (text: string | Promise<string>) =>
    void Promise.resolve(text)
      .then(copyText)
      .then(() => {
        setDone(true);
        window.setTimeout(() => setDone(false), 1200);
      });
  const id = trace.trace_id;
  const remove = () =>
    request<void>(`/traces/${id}`, {}, { method: "DELETE" }).then(() => {
      void queryClient.invalidateQueries();
      navigate(listAddress());
    });
  return (
    <>
      <Menu
        label="Copy this trace"
        button={
          <>
            {isDone ? <Check aria-hidden /> : <Copy aria-hidden />}{" "}
            <span className="wide-only">{isDone ? "Copied" : "Copy"}</span>
          </>
        }
      >
        <MenuItem onClick={() => copy(window.location.href)}>
          <Link2 aria-hidden /> Link
        </MenuItem>
        <MenuItem onClick={() => copy(id)}>
          <Hash aria-hidden /> Trace id
        </MenuItem>
        <MenuItem onClick={() => copy(`curl ${window.location.origin}/api/v1/traces/${id}`)}>
          <Terminal aria-hidden /> curl for this trace
        </MenuItem>
        <MenuItem onClick={() => copy(`import tracer\n\ntrace = tracer.get_trace("${id}")\n`)}>
          <SquareCode aria-hidden /> Python that reads it
        </MenuItem>
        <MenuItem onClick={() => copy(traceAnswer(id, 0).then((answer) => JSON.stringify(answer, null, 2)))}>
          <Braces aria-hidden /> JSON
        </MenuItem>
        <hr />
        <MenuItem onClick={() => setDeleting(true)}>
          <Trash2 aria-hidden /> Delete this trace…
        </MenuItem>
      </Menu>
      <ConfirmDialog
        open={isDeleting}
        title="Delete this trace?"
        text="Its steps, payloads and feedback are gone for good."
        action="Delete"
        onCancel={() => setDeleting(false)}
        onConfirm={remove}
      />
    </>
  );
}

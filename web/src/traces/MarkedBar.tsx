// What can be done with marked traces.

import { Download, GitCompareArrows, Trash2, X } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { request } from "../api/client";
import { traceAnswer } from "../api/queries";
import { plural } from "../format";
import { ConfirmDialog } from "../ui/ConfirmDialog";

interface Props {
  ids: string[];
  onClear: () => void;
  onDeleted: () => void;
}

export function MarkedBar({ ids, onClear, onDeleted }: Props) {
  const [isDeleting, setDeleting] = useState(false);
  const remove = () => request("/traces/delete", {}, { method: "POST", json: { trace_ids: ids } }).then(onDeleted);
  return (
    <section className="marked-bar" aria-label="Marked traces">
      <span role="status">{plural(ids.length, "trace")} marked</span>
      {ids.length === 2 && (
        <Link className="button" href={`/compare?a=${ids[0]}&b=${ids[1]}`}>
          <GitCompareArrows aria-hidden /> Compare
        </Link>
      )}
      <button type="button" className="button" onClick={() => void download(ids)}>
        <Download aria-hidden /> JSON lines
      </button>
      <button type="button" className="button danger" onClick={() => setDeleting(true)}>
        <Trash2 aria-hidden /> Delete…
      </button>
      <button
        type="button"
        className="button quiet square"
        aria-label="Unmark all"
        title="Unmark all"
        onClick={onClear}
      >
        <X aria-hidden />
      </button>
      <ConfirmDialog
        open={isDeleting}
        title={`Delete ${plural(ids.length, "trace")}?`}
        text="Their steps, payloads and feedback are gone for good."
        action="Delete"
        onCancel={() => setDeleting(false)}
        onConfirm={remove}
      />
    </section>
  );
}

async function download(ids: string[]): Promise<void> {
  const lines: string[] = [];
  for (const id of ids) lines.push(JSON.stringify(await traceAnswer(id, 0)));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" }));
  link.download = "traces.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

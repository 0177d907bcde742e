// Actions on marked traces.

import { Download, GitCompareArrows, Trash2, X } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { request } from "../api/client";
import { plural } from "../format";
import { saveTraces } from "../trace/export";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Problem } from "../ui/Problem";

interface Props {
  ids: string[];
  onClear: () => void;
  onDeleted: () => void;
}

export function MarkedBar({ ids, onClear, onDeleted }: Props) {
  const [isDeleting, setDeleting] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const remove = () => request("/traces/delete", {}, { method: "POST", json: { trace_ids: ids } }).then(onDeleted);
  return (
    <section className="marked-bar" aria-label="Marked traces">
      <span role="status">{plural(ids.length, "trace")} marked</span>
      {ids.length === 2 && (
        <Link className="button" href={`/compare?a=${ids[0]}&b=${ids[1]}`}>
          <GitCompareArrows aria-hidden /> Compare
        </Link>
      )}
      <button type="button" className="button" onClick={() => void saveTraces(ids).catch(setProblem)}>
        <Download aria-hidden /> JSON lines
      </button>
      <button type="button" className="button danger" onClick={() => setDeleting(true)}>
        <Trash2 aria-hidden /> Delete…
      </button>
      {problem !== null && <Problem error={problem} />}
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

// Actions on marked traces, or on all that the list has.

import { ClipboardCheck, Download, GitCompareArrows, Trash2, X } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { request } from "../api/client";
import type { Dataset, Selection, WrittenRows } from "../api/types";
import { addSelected, addTraces, told } from "../datasets/rows";
import { plural } from "../format";
import { AddToDataset } from "../trace/AddToDataset";
import { saveTraces } from "../trace/export";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Problem } from "../ui/Problem";

interface Props {
  ids: string[];
  selection: Selection;
  /** How many traces the list has, null where that is not known. */
  total: number | null;
  onClear: () => void;
  onDeleted: () => void;
}

export function MarkedBar({ ids, selection, total, onClear, onDeleted }: Props) {
  const [isDeleting, setDeleting] = useState(false);
  const [wantsAll, setAll] = useState(false);
  const [added, setAdded] = useState<[Dataset, WrittenRows] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const isAll = wantsAll && total !== null;
  const remove = () => request("/traces/delete", {}, { method: "POST", json: { trace_ids: ids } }).then(onDeleted);
  return (
    <section className="marked-bar" aria-label="Marked traces">
      <span role="status">
        {added ? (
          <>
            {told(added[1])} <Link href={`/datasets/${encodeURIComponent(added[0].dataset_id)}`}>{added[0].name}</Link>
          </>
        ) : isAll ? (
          `all ${plural(total, "trace")}`
        ) : (
          `${plural(ids.length, "trace")} marked`
        )}
      </span>
      {total !== null && total > ids.length && (
        <button
          type="button"
          className="button"
          aria-pressed={isAll}
          title="All traces that the filter and time of the list select"
          onClick={() => setAll(!isAll)}
        >
          All that match
        </button>
      )}
      <AddToDataset
        className="button"
        add={isAll ? addSelected(selection) : addTraces(ids)}
        onAdded={(dataset, written) => {
          setProblem(null);
          setAdded([dataset, written]);
        }}
        onProblem={setProblem}
      />
      {isAll && (
        <Link className="button" href={`/review?edit=new&filter=${encodeURIComponent(filterOf(selection))}`}>
          <ClipboardCheck aria-hidden /> Review…
        </Link>
      )}
      {!isAll && (
        <>
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
        </>
      )}
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

/** A selection as one filter, with its times. */
function filterOf({ filter, since_ns, until_ns }: Selection): string {
  const times = [
    since_ns === null ? "" : `timestamp >= ${Math.round(since_ns / 1e6)}`,
    until_ns === null ? "" : `timestamp < ${Math.round(until_ns / 1e6)}`,
  ].filter(Boolean);
  return [times.length && filter ? `(${filter})` : filter, ...times].filter(Boolean).join(" AND ");
}

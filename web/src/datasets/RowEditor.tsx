// Editing a row of a dataset in its place, and adding one.

import { Trash2 } from "lucide-react";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError, exactRequest, request } from "../api/client";
import type { DatasetRow, Json, WrittenRows } from "../api/types";
import { isContainer } from "../text/exact";
import { Value } from "../text/Value";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Problem } from "../ui/Problem";
import { type Draft, draftOf, isSame, outcomeOf } from "./draft";
import { asObject, asTexts, ValueEditor } from "./ValueEditor";

interface Drafts {
  inputs: Draft;
  expectations: Draft;
  tags: Draft;
  split: string;
}

function outcomesOf(drafts: Drafts) {
  const inputs = outcomeOf(drafts.inputs);
  return {
    inputs: "value" in inputs && inputs.value === null ? { problem: "Inputs may not be null." } : inputs,
    expectations: asObject(outcomeOf(drafts.expectations)),
    tags: asTexts(outcomeOf(drafts.tags)),
  };
}

interface EditorProps {
  datasetId: string;
  row: DatasetRow;
  onSaved: (row: DatasetRow) => void;
  onClose: () => void;
  onReload: () => Promise<unknown>;
  onDelete: () => Promise<unknown>;
}

export function RowEditor({ datasetId, row, onSaved, onClose, onReload, onDelete }: EditorProps) {
  const drafted = (): Drafts => ({
    inputs: draftOf(row.inputs),
    expectations: draftOf(row.expectations),
    tags: draftOf(row.tags),
    split: row.split ?? "",
  });
  const [drafts, setDrafts] = useState(drafted);
  // the row as it was when the editing began: others may change it meanwhile
  const [before, setBefore] = useState(row);
  const [problem, setProblem] = useState<unknown>(null);
  const [isDeleting, setDeleting] = useState(false);
  const outcomes = outcomesOf(drafts);
  const changes: { [name: string]: Json } = {};
  for (const name of ["inputs", "expectations", "tags"] as const) {
    const outcome = outcomes[name];
    if ("value" in outcome && !isSame(outcome.value, before[name])) changes[name] = outcome.value;
  }
  if (drafts.split.trim() !== (before.split ?? "")) changes.split = drafts.split.trim() || null;
  const isWrong = Object.values(outcomes).some((outcome) => "problem" in outcome);
  const hasChanges = Object.keys(changes).length > 0;
  const isConflict = problem instanceof ApiError && problem.code === "conflict";
  const put = (isForced: boolean) => {
    if (isWrong || !hasChanges) return;
    setProblem(null);
    const path = `/datasets/${encodeURIComponent(datasetId)}/rows/${encodeURIComponent(before.row_id)}`;
    const json = isForced ? changes : { ...changes, expected_updated_ns: before.updated_ns };
    void exactRequest(path, {}, { method: "PATCH", json }).then(
      (saved) => onSaved(saved as unknown as DatasetRow),
      setProblem,
    );
  };
  // what the server has by now, once the row was read again
  const isOld = !isSame(before.updated_ns, row.updated_ns);
  const takeTheirs = () => {
    setProblem(null);
    void onReload();
  };
  const adopt = () => {
    setBefore(row);
    setDrafts(drafted());
  };
  return (
    <Form
      drafts={drafts}
      outcomes={outcomes}
      onChange={setDrafts}
      onSubmit={() => put(false)}
      onCancel={onClose}
      aside={
        <>
          {row.outputs !== null && (
            <section>
              <h3 className="section-title">Outputs</h3>
              <Value value={row.outputs} label="outputs" />
            </section>
          )}
          {row.source && (
            <section>
              <h3 className="section-title">Source</h3>
              <Value value={row.source} label="source" />
            </section>
          )}
        </>
      }
    >
      {problem !== null && <Problem error={problem} />}
      {isOld && (
        <div className="notice warn" role="alert">
          <span>This row has been changed by somebody else.</span>
          <button type="button" className="button" onClick={adopt}>
            Take theirs
          </button>
        </div>
      )}
      <div className="editor-actions">
        <button type="submit" className="button solid" disabled={isWrong || !hasChanges}>
          Save
        </button>
        <button type="button" className="button" onClick={onClose}>
          {hasChanges || isWrong ? "Cancel" : "Close"}
        </button>
        {isConflict && (
          <>
            <button type="button" className="button" onClick={takeTheirs}>
              Read it again
            </button>
            <button type="button" className="button" onClick={() => put(true)}>
              Save mine over it
            </button>
          </>
        )}
        <span className="mono dim row-id" title="Id of this row">
          {before.row_id}
        </span>
        <button type="button" className="button danger" onClick={() => setDeleting(true)}>
          <Trash2 aria-hidden /> Delete…
        </button>
      </div>
      <ConfirmDialog
        open={isDeleting}
        title="Delete this row?"
        text="It is gone for good; the trace that it came from stays."
        action="Delete"
        onCancel={() => setDeleting(false)}
        onConfirm={onDelete}
      />
    </Form>
  );
}

interface NewProps {
  datasetId: string;
  /** A row whose fields the new one will have, too. */
  like: DatasetRow | null;
  onCancel: () => void;
  onAdded: (written: WrittenRows) => void;
}

export function NewRow({ datasetId, like, onCancel, onAdded }: NewProps) {
  const [drafts, setDrafts] = useState<Drafts>(() => ({
    inputs: draftOf(emptied(like?.inputs ?? { question: "" })),
    expectations: draftOf(emptied(like?.expectations ?? { answer: "" })),
    tags: draftOf({}),
    split: "",
  }));
  const [problem, setProblem] = useState<unknown>(null);
  const outcomes = outcomesOf(drafts);
  const { inputs, expectations, tags } = outcomes;
  const isEmpty = "value" in inputs && isSame(inputs.value, emptied(inputs.value));
  const isWrong = Object.values(outcomes).some((outcome) => "problem" in outcome);
  const add = () => {
    if (isWrong || isEmpty || !("value" in inputs && "value" in expectations && "value" in tags)) return;
    const row = {
      inputs: filled(inputs.value),
      expectations: filled(expectations.value),
      tags: tags.value,
      split: drafts.split.trim() || null,
      source: { source_type: "HUMAN" },
    };
    const path = `/datasets/${encodeURIComponent(datasetId)}/rows`;
    void request<WrittenRows>(path, {}, { method: "POST", json: { rows: [row] } }).then(onAdded, setProblem);
  };
  return (
    <section className="new-row" aria-label="New row">
      <Form drafts={drafts} outcomes={outcomes} onChange={setDrafts} onSubmit={add} onCancel={onCancel} isFocused>
        {problem !== null && <Problem error={problem} />}
        <div className="editor-actions">
          <button type="submit" className="button solid" disabled={isWrong || isEmpty}>
            Add
          </button>
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
        </div>
      </Form>
    </section>
  );
}

/** A value of the same fields with empty texts. */
function emptied(value: Json): Json {
  if (!isContainer(value) || Array.isArray(value)) return "";
  return Object.fromEntries(Object.keys(value).map((name) => [name, ""]));
}

/** A value without the fields that were left empty. */
function filled(value: Json): Json {
  if (!isContainer(value) || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== ""));
}

interface FormProps {
  drafts: Drafts;
  outcomes: ReturnType<typeof outcomesOf>;
  onChange: (drafts: Drafts) => void;
  onSubmit: () => void;
  onCancel: () => void;
  isFocused?: boolean;
  aside?: ReactNode;
  children: ReactNode;
}

function Form({ drafts, outcomes, onChange, onSubmit, onCancel, isFocused = false, aside, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSubmit();
    else if (event.key === "Escape") onCancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (isFocused) form.current?.querySelector("textarea")?.focus();
  }, [isFocused]);
  return (
    <form className="row-editor" onSubmit={submit} onKeyDown={pressed} ref={form}>
      <div className="editor-values">
        <ValueEditor
          label="Inputs"
          draft={drafts.inputs}
          outcome={outcomes.inputs}
          onChange={(inputs) => onChange({ ...drafts, inputs })}
        />
        <ValueEditor
          label="Expectations"
          draft={drafts.expectations}
          outcome={outcomes.expectations}
          onChange={(expectations) => onChange({ ...drafts, expectations })}
        />
        <div className="editor-side">
          <ValueEditor
            label="Tags"
            draft={drafts.tags}
            outcome={outcomes.tags}
            onChange={(tags) => onChange({ ...drafts, tags })}
          />
          <label className="split-label">
            <span className="section-title">Split</span>
            <input
              className="field"
              value={drafts.split}
              placeholder="none"
              onChange={(event) => onChange({ ...drafts, split: event.target.value })}
            />
          </label>
        </div>
      </div>
      {aside}
      {children}
    </form>
  );
}

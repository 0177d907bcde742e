// Adding traces or a step to a dataset, one that is there or a new one.

import { Dialog, DialogHeading } from "@ariakit/react";
import { useQuery } from "@tanstack/react-query";
import { Check, CircleAlert, Database, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { request } from "../api/client";
import { datasets, queryClient } from "../api/queries";
import type { Dataset, WrittenRows } from "../api/types";
import type { Add } from "../datasets/rows";
import { count, plural } from "../format";
import { Menu, MenuItem } from "../ui/Menu";
import { Problem } from "../ui/Problem";

interface Props {
  add: Add;
  label?: string;
  className?: string;
  onAdded?: (dataset: Dataset, written: WrittenRows) => void;
  onProblem?: (error: unknown) => void;
}

export function AddToDataset({
  add,
  label = "Add to a dataset",
  className = "button quiet",
  onAdded,
  onProblem,
}: Props) {
  const [said, setSaid] = useState<string | null>(null);
  const [isNaming, setNaming] = useState(false);
  const tell = (word: string) => {
    setSaid(word);
    window.setTimeout(() => setSaid(null), 2000);
  };
  const addTo = async (dataset: Dataset) => {
    const written = await add(dataset.dataset_id, (done) => setSaid(count(done)));
    void queryClient.invalidateQueries({ queryKey: ["datasets"] });
    void queryClient.invalidateQueries({ queryKey: ["rows", dataset.dataset_id] });
    tell("Added");
    onAdded?.(dataset, written);
  };
  const addToNew = async (name: string) => {
    await addTo(await request<Dataset>("/datasets", {}, { method: "POST", json: { name } }));
    setNaming(false);
  };
  const failed = (error: unknown) => {
    tell("Failed");
    onProblem?.(error);
  };
  const Icon = said === "Added" ? Check : said === "Failed" ? CircleAlert : Database;
  return (
    <>
      <Menu
        label={said ? `${label}: ${said}` : label}
        className={className}
        button={
          <>
            <Icon aria-hidden /> <span className="wide-only">{said ?? "Dataset"}</span>
          </>
        }
      >
        <Known onAdd={(dataset) => void addTo(dataset).catch(failed)} />
        <MenuItem onClick={() => setNaming(true)}>
          <Plus aria-hidden /> New dataset…
        </MenuItem>
      </Menu>
      <Dialog
        open={isNaming}
        onClose={() => setNaming(false)}
        className="dialog"
        backdrop={<div className="backdrop" />}
        unmountOnHide
      >
        <NewDataset onCancel={() => setNaming(false)} onName={addToNew} />
      </Dialog>
    </>
  );
}

function Known({ onAdd }: { onAdd: (dataset: Dataset) => void }) {
  const { data, error } = useQuery(datasets());
  if (error) return <Problem error={error} />;
  const found = data?.datasets ?? [];
  return (
    <>
      {found.map((dataset) => (
        <MenuItem key={dataset.dataset_id} onClick={() => onAdd(dataset)}>
          <Database aria-hidden /> <span className="long-id">{dataset.name}</span>{" "}
          <span className="dim">{plural(dataset.row_count, "row")}</span>
        </MenuItem>
      ))}
      {found.length > 0 && <hr />}
    </>
  );
}

function NewDataset({ onCancel, onName }: { onCancel: () => void; onName: (name: string) => Promise<void> }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onName(name.trim()).catch(setProblem);
  };
  return (
    <form onSubmit={submit}>
      <DialogHeading>Add to a new dataset</DialogHeading>
      <label>
        Name
        <input className="field" value={name} maxLength={250} onChange={(event) => setName(event.target.value)} />
      </label>
      {problem !== null && <Problem error={problem} />}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button solid" disabled={!name.trim()}>
          Add
        </button>
      </div>
    </form>
  );
}

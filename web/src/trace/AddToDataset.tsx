// Adding the trace on screen to a dataset, one that is there or a new one.

import { Dialog, DialogHeading } from "@ariakit/react";
import { useQuery } from "@tanstack/react-query";
import { Check, CircleAlert, Database, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { request } from "../api/client";
import { datasets, queryClient } from "../api/queries";
import type { Dataset } from "../api/types";
import { plural } from "../format";
import { Menu, MenuItem } from "../ui/Menu";
import { Problem } from "../ui/Problem";

export function AddToDataset({ traceId }: { traceId: string }) {
  const [said, setSaid] = useState<string | null>(null);
  const [isNaming, setNaming] = useState(false);
  const tell = (word: string) => {
    setSaid(word);
    window.setTimeout(() => setSaid(null), 2000);
  };
  const add = async (dataset: Dataset) => {
    const path = `/datasets/${encodeURIComponent(dataset.dataset_id)}/rows`;
    await request(path, {}, { method: "POST", json: { rows: [{ trace_id: traceId }] } });
    void queryClient.invalidateQueries({ queryKey: ["datasets"] });
    tell("Added");
  };
  const addToNew = async (name: string) => {
    await add(await request<Dataset>("/datasets", {}, { method: "POST", json: { name } }));
    setNaming(false);
  };
  const Icon = said === "Added" ? Check : said ? CircleAlert : Database;
  return (
    <>
      <Menu
        label="Add to a dataset"
        button={
          <>
            <Icon aria-hidden /> <span className="wide-only">{said ?? "Dataset"}</span>
          </>
        }
      >
        <Known onAdd={(dataset) => void add(dataset).catch(() => tell("Failed"))} />
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

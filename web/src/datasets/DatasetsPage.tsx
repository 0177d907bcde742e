// List of datasets.

import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { request } from "../api/client";
import { datasets, queryClient } from "../api/queries";
import type { Dataset } from "../api/types";
import { ago, count, fullTime, plural } from "../format";
import { Code } from "../text/Code";
import { condition } from "../traces/conditions";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { datasetAddress } from "./DatasetLink";
import "../styles/datasets.css";

const LINES = `dataset = tracer.genai.create_dataset("questions")
dataset.add(filter_string="feedback.helpful = false")`;

export default function DatasetsPage() {
  const [url, setUrl] = useUrlState();
  const query = useQuery(datasets());
  const [isMaking, setMaking] = useState(false);
  const isNarrow = useMedia("(max-width: 720px)");
  useKeys({ "/": () => document.getElementById("find-dataset")?.focus() });
  const find = url.get("find") ?? "";
  const all = query.data?.datasets ?? [];
  const found = all.filter((one) => one.name.toLowerCase().includes(find.trim().toLowerCase()));
  return (
    <div className="page">
      <header className="page-head">
        <h1>Datasets</h1>
        <div className="page-tools">
          {all.length > 5 && (
            <input
              id="find-dataset"
              type="search"
              className="field"
              aria-label="Find a dataset"
              placeholder="Find a dataset"
              value={find}
              onChange={(event) => setUrl({ find: event.target.value }, true)}
            />
          )}
          <button type="button" className="button" aria-expanded={isMaking} onClick={() => setMaking(!isMaking)}>
            <Plus aria-hidden /> New dataset
          </button>
        </div>
      </header>
      {isMaking && <NewDataset onCancel={() => setMaking(false)} known={all} />}
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <p className="dim">Loading…</p>}
      {query.isSuccess && all.length === 0 && !isMaking && (
        <div className="page-empty">
          <h2>No datasets yet</h2>
          <p>
            A dataset keeps questions with their expected answers, to be asked again of the next version. Add traces and
            steps to one from their pages, or in Python:
          </p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {all.length > 0 && found.length === 0 && <p className="dim">No dataset is called so.</p>}
      {found.length > 0 && (isNarrow ? <Cards datasets={found} /> : <Table datasets={found} />)}
    </div>
  );
}

function NewDataset({ onCancel, known }: { onCancel: () => void; known: Dataset[] }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const [, navigate] = useLocation();
  const isKnown = known.some((one) => one.name === name.trim());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void request<Dataset>("/datasets", {}, { method: "POST", json: { name: name.trim() } })
      .then((made) => {
        void queryClient.invalidateQueries({ queryKey: ["datasets"] });
        navigate(datasetAddress(made));
      })
      .catch(setProblem);
  };
  return (
    <form className="inline-form" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onCancel()}>
      <label>
        Name of the new dataset
        <input
          className="field"
          value={name}
          maxLength={250}
          // biome-ignore lint/a11y/noAutofocus: the form was asked for by a click
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <button type="submit" className="button solid" disabled={!name.trim()}>
        {isKnown ? "Open" : "Make"}
      </button>
      <button type="button" className="button" onClick={onCancel}>
        Cancel
      </button>
      {isKnown && <span className="dim">There is one of this name.</span>}
      {problem !== null && <Problem error={problem} />}
    </form>
  );
}

function Table({ datasets }: { datasets: Dataset[] }) {
  return (
    <div className="table-scroll">
      <table className="plain list">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="right">
              Rows
            </th>
            <th scope="col">Changed</th>
            <th scope="col">Experiments</th>
            <th scope="col">Tags</th>
          </tr>
        </thead>
        <tbody>
          {datasets.map((dataset) => (
            <tr key={dataset.dataset_id}>
              <td className="dataset-name">
                <Link className="strong" href={datasetAddress(dataset)} dir="auto">
                  {dataset.name}
                </Link>
              </td>
              <td className="right num">{count(dataset.row_count)}</td>
              <td className="nowrap num" title={fullTime(dataset.updated_ns)}>
                {ago(dataset.updated_ns)}
              </td>
              <td>
                <Experiments names={dataset.experiments} />
              </td>
              <td>
                <Tags tags={dataset.tags} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cards({ datasets }: { datasets: Dataset[] }) {
  return (
    <ul className="cards">
      {datasets.map((dataset) => (
        <li key={dataset.dataset_id} className="card">
          <h2>
            <Link href={datasetAddress(dataset)} dir="auto">
              {dataset.name}
            </Link>
          </h2>
          <p className="dim num">
            {plural(dataset.row_count, "row")} · changed {ago(dataset.updated_ns)}
          </p>
          <Tags tags={dataset.tags} />
        </li>
      ))}
    </ul>
  );
}

export function Experiments({ names }: { names: string[] }) {
  return (
    <span className="badges">
      {names.map((name) => (
        <Link
          key={name}
          className="badge long-id"
          title={`Traces of the experiment ${name}`}
          href={`/traces?filter=${encodeURIComponent(condition("experiment", name))}`}
        >
          {name}
        </Link>
      ))}
    </span>
  );
}

export function Tags({ tags }: { tags: { [key: string]: unknown } }) {
  return (
    <span className="badges">
      {Object.entries(tags).map(([key, value]) => (
        <span key={key} className="badge long-id" title={`${key}: ${value}`}>
          {key}: {String(value)}
        </span>
      ))}
    </span>
  );
}

// One dataset: its rows to search, edit, add, delete, download and import.

import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowLeft, ChevronLeft, ChevronRight, Download, Plus, Search, Trash2, Upload, X } from "lucide-react";
import { Fragment, type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError, request } from "../api/client";
import { datasetRows, datasets, queryClient } from "../api/queries";
import type { Dataset, DatasetRow, RowPage } from "../api/types";
import { ago, count, fullTime, plural } from "../format";
import { quoted } from "../traces/conditions";
import { isFilter } from "../traces/written";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { useKeys } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { useMedia } from "../ui/useMedia";
import { Experiments, Tags } from "./DatasetsPage";
import { gist } from "./gist";
import { NewRow, RowEditor } from "./RowEditor";
import { addLines, linesOf, save, told } from "./rows";
import "../styles/datasets.css";

const SHOWN = 100;

/** A text in the search box as a filter of rows: with an operator it is one, else words. */
const rowFilter = (find: string) => {
  const text = find.trim();
  return !text || isFilter(text) ? text : `text CONTAINS ${quoted(text)}`;
};

export default function DatasetPage({ datasetId }: { datasetId: string }) {
  const query = useQuery(datasets());
  const dataset = query.data?.datasets.find((one) => one.dataset_id === datasetId);
  if (query.isPending) return <p className="pad dim">Loading…</p>;
  if (dataset) return <Loaded dataset={dataset} />;
  return (
    <div className="page-empty">
      <h1>This dataset cannot be shown</h1>
      {query.isError ? (
        <Problem error={query.error} retry={() => void query.refetch()} />
      ) : (
        <p>There is no such dataset; it may have been deleted.</p>
      )}
      <p>
        <Link href="/datasets" className="button">
          <ArrowLeft aria-hidden /> All datasets
        </Link>
      </p>
    </div>
  );
}

function Loaded({ dataset }: { dataset: Dataset }) {
  const id = dataset.dataset_id;
  const [url, setUrl] = useUrlState();
  const [, navigate] = useLocation();
  const find = url.get("find") ?? "";
  const open = url.get("row");
  const [draft, setDraft] = useState(find);
  useEffect(() => setDraft(find), [find]);
  const filter = rowFilter(find);
  const query = useInfiniteQuery(datasetRows(id, filter));
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const [from, setFrom] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another search begins at its first row
  useEffect(() => setFrom(0), [filter]);
  const shown = rows.slice(from, from + SHOWN);
  // a page of the answer may have fewer rows than were asked for, or none, and not be the last
  const wantsMore = rows.length <= from + SHOWN && query.hasNextPage && !query.isFetching && !query.isError;
  const { fetchNextPage } = query;
  useEffect(() => {
    if (wantsMore) void fetchNextPage();
  }, [wantsMore, fetchNextPage]);
  const [active, setActive] = useState(-1);
  const [marked, setMarked] = useState<ReadonlySet<string>>(() => new Set());
  const [isAdding, setAdding] = useState(false);
  const [isDeleting, setDeleting] = useState<"rows" | "dataset" | null>(null);
  const [said, setSaid] = useState<ReactNode>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const isNarrow = useMedia("(max-width: 720px)");
  const box = useRef<HTMLInputElement>(null);
  const file = useRef<HTMLInputElement>(null);

  const toggle = (rowId: string | null) => setUrl({ row: rowId }, true);
  const mark = (rowId: string) => {
    const next = new Set(marked);
    if (!next.delete(rowId)) next.add(rowId);
    setMarked(next);
  };
  const move = (by: number) => {
    const next = Math.min(shown.length - 1, Math.max(0, active + by));
    setActive(next);
    document.getElementById(`row-${shown[next]?.row_id}`)?.scrollIntoView({ block: "nearest" });
  };
  const atActive = (does: (row: DatasetRow) => void) => () => {
    const row = shown[active];
    if (row) does(row);
  };
  useKeys({
    "/": () => box.current?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: atActive((row) => mark(row.row_id)),
    o: atActive((row) => toggle(open === row.row_id ? null : row.row_id)),
    ...(active >= 0 && !isOnControl() && { Enter: atActive((row) => toggle(row.row_id)) }),
    Escape: () => (open ? toggle(null) : setActive(-1)),
    a: () => setAdding(true),
  });

  const change = (old: DatasetRow, row: DatasetRow | null) => {
    queryClient.setQueryData<InfiniteData<RowPage>>(
      datasetRows(id, filter).queryKey,
      (data) =>
        data && { ...data, pages: data.pages.map((page) => ({ ...page, rows: replaced(page.rows, old, row) })) },
    );
    void queryClient.invalidateQueries({ queryKey: ["datasets"] });
  };
  const reload = () => {
    void queryClient.invalidateQueries({ queryKey: ["datasets"] });
    return queryClient.invalidateQueries({ queryKey: ["rows", id] });
  };
  const remove = (rowIds: string[]) =>
    request(`/datasets/${encodeURIComponent(id)}/rows/delete`, {}, { method: "POST", json: { row_ids: rowIds } })
      .then(reload)
      .then(() => {
        setMarked(new Set());
        setDeleting(null);
        setSaid(`${plural(rowIds.length, "row")} deleted`);
        if (open && rowIds.includes(open)) toggle(null);
      });
  const telling = (doing: Promise<ReactNode>) => {
    setProblem(null);
    void doing.then(setSaid, (error: unknown) => {
      setSaid(null);
      setProblem(error);
    });
  };
  const download = () =>
    telling(
      linesOf(id, filter, (done) => setSaid(`Reading: ${count(done)} rows`)).then((lines) => {
        save(lines, `${dataset.name.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.jsonl`);
        return `${plural(lines.length, "row")} saved`;
      }),
    );
  const take = (chosen: File) =>
    telling(
      chosen
        .text()
        .then((text) => addLines(text)(id, (done) => setSaid(`Importing: ${count(done)} rows`)))
        .then(
          (written) => reload().then(() => told(written)),
          (error: unknown) => reload().then(() => Promise.reject(error)),
        ),
    );

  const isSyntax = query.error instanceof ApiError && query.error.code === "filter_syntax";
  const total = filter ? null : dataset.row_count;
  const isLast = from + SHOWN >= rows.length && !query.hasNextPage;
  return (
    <div className="page dataset-page">
      <header className="page-head">
        <Link href="/datasets" className="button quiet square" aria-label="All datasets" title="All datasets">
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="long-title" dir="auto">
          {dataset.name}
        </h1>
        <span className="dim num">
          {plural(dataset.row_count, "row")}, changed{" "}
          <span title={fullTime(dataset.updated_ns)}>{ago(dataset.updated_ns)}</span>
        </span>
        <Experiments names={dataset.experiments.filter((name) => name !== "Default")} />
        <Tags tags={dataset.tags} />
        <div className="page-tools">
          <button type="button" className="button" aria-expanded={isAdding} onClick={() => setAdding(!isAdding)}>
            <Plus aria-hidden /> Add row
          </button>
          <button type="button" className="button" onClick={() => file.current?.click()} title="Import JSON lines">
            <Upload aria-hidden /> Import…
          </button>
          <input
            ref={file}
            type="file"
            hidden
            aria-label="JSON lines to import"
            accept=".jsonl,.ndjson,.json,application/x-ndjson"
            onChange={(event) => {
              const chosen = event.target.files?.[0];
              if (chosen) take(chosen);
              event.target.value = "";
            }}
          />
          <button
            type="button"
            className="button"
            disabled={!dataset.row_count}
            onClick={download}
            title={`Save ${filter ? "the rows that fit" : "all rows"} as JSON lines`}
          >
            <Download aria-hidden /> JSON lines
          </button>
          <button
            type="button"
            className="button quiet square"
            aria-label="Delete this dataset"
            title="Delete this dataset…"
            onClick={() => setDeleting("dataset")}
          >
            <Trash2 aria-hidden />
          </button>
        </div>
      </header>
      <div className="list-tools">
        <form
          className={`search-field ${isSyntax ? "wrong" : ""}`}
          onSubmit={(event) => {
            event.preventDefault();
            setUrl({ find: draft, row: null });
          }}
        >
          <Search aria-hidden className="icon" />
          <input
            ref={box}
            type="search"
            value={draft}
            aria-label="Search rows"
            aria-invalid={isSyntax}
            placeholder="Search rows, or filter: split = 'test' AND tags.kind = 'hard'"
            onChange={(event) => {
              setDraft(event.target.value);
              if (!event.target.value) setUrl({ find: null });
            }}
            onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
          />
        </form>
        <span role="status" className="dim num">
          {said}
        </span>
      </div>
      {problem !== null && <Problem error={problem} />}
      {query.isError && <Problem error={query.error} {...(!isSyntax && { retry: () => void query.refetch() })} />}
      {isAdding && (
        <NewRow
          datasetId={id}
          like={rows[0] ?? null}
          onCancel={() => setAdding(false)}
          onAdded={(written) => {
            setAdding(false);
            setSaid(told(written));
            void reload();
          }}
        />
      )}
      {query.isPending && !query.isError && <p className="dim">Loading…</p>}
      {query.isSuccess && !query.isPlaceholderData && rows.length === 0 && !query.hasNextPage && !isAdding && (
        <div className="page-empty">
          <h2>{filter ? "No row fits" : "No rows yet"}</h2>
          {filter ? (
            <button type="button" className="button" onClick={() => setUrl({ find: null })}>
              Show all rows
            </button>
          ) : (
            <p>
              Add one here, import JSON lines such as <code>{'{"inputs": {"question": "…"}}'}</code>, or add traces from{" "}
              <Link href="/traces">their list</Link>.
            </p>
          )}
        </div>
      )}
      {shown.length > 0 && (
        <ul className="dataset-rows" aria-label="Rows">
          <li className="dataset-row head" aria-hidden>
            <span />
            <span>Inputs</span>
            <span>Expectations</span>
            <span>Tags</span>
            <span>From</span>
            <span className="right">Changed</span>
          </li>
          {shown.map((row, index) => (
            <Fragment key={row.row_id}>
              <Row
                row={row}
                isOpen={open === row.row_id}
                isActive={index === active}
                isMarked={marked.has(row.row_id)}
                isNarrow={isNarrow}
                onMark={() => mark(row.row_id)}
                onToggle={() => {
                  setActive(index);
                  toggle(open === row.row_id ? null : row.row_id);
                }}
              >
                <RowEditor
                  datasetId={id}
                  row={row}
                  onSaved={(saved) => {
                    change(row, saved);
                    setSaid("Saved");
                    toggle(null);
                  }}
                  onClose={() => toggle(null)}
                  onReload={reload}
                  onDelete={() => remove([row.row_id])}
                />
              </Row>
            </Fragment>
          ))}
        </ul>
      )}
      {(from > 0 || !isLast) && rows.length > 0 && (
        <div className="pager">
          <button
            type="button"
            className="button quiet square"
            aria-label="Earlier rows"
            disabled={from === 0}
            onClick={() => setFrom(Math.max(0, from - SHOWN))}
          >
            <ChevronLeft aria-hidden />
          </button>
          <span className="num dim" role="status">
            {count(from + 1)} to {count(from + shown.length)}
            {total === null ? "" : ` of ${count(total)}`} rows
          </span>
          <button
            type="button"
            className="button quiet square"
            aria-label="Later rows"
            disabled={isLast}
            onClick={() => {
              setFrom(from + SHOWN);
              setActive(-1);
              document.getElementById("main")?.scrollTo({ top: 0 });
            }}
          >
            <ChevronRight aria-hidden />
          </button>
        </div>
      )}
      {marked.size > 0 && (
        <section className="marked-bar" aria-label="Marked rows">
          <span role="status">{plural(marked.size, "row")} marked</span>
          <button type="button" className="button danger" onClick={() => setDeleting("rows")}>
            <Trash2 aria-hidden /> Delete…
          </button>
          <button
            type="button"
            className="button quiet square"
            aria-label="Unmark all"
            title="Unmark all"
            onClick={() => setMarked(new Set())}
          >
            <X aria-hidden />
          </button>
        </section>
      )}
      <ConfirmDialog
        open={isDeleting === "rows"}
        title={`Delete ${plural(marked.size, "row")}?`}
        text="They are gone for good; the traces that they came from stay."
        action="Delete"
        onCancel={() => setDeleting(null)}
        onConfirm={() => remove([...marked])}
      />
      <ConfirmDialog
        open={isDeleting === "dataset"}
        title="Delete this dataset?"
        text={`It and its ${plural(dataset.row_count, "row")} are gone for good; the traces that they came from stay.`}
        action="Delete"
        onCancel={() => setDeleting(null)}
        onConfirm={() =>
          request<void>(`/datasets/${encodeURIComponent(id)}`, {}, { method: "DELETE" }).then(() => {
            void queryClient.invalidateQueries({ queryKey: ["datasets"] });
            navigate("/datasets");
          })
        }
      />
    </div>
  );
}

const replaced = (rows: DatasetRow[], old: DatasetRow, row: DatasetRow | null) =>
  rows.flatMap((one) => (one.row_id === old.row_id ? (row ? [row] : []) : [one]));

/** A focused button, link or field handles Enter itself. */
function isOnControl(): boolean {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && /^(A|BUTTON|INPUT|TEXTAREA|SELECT)$/.test(focused.tagName);
}

interface RowProps {
  row: DatasetRow;
  isOpen: boolean;
  isActive: boolean;
  isMarked: boolean;
  isNarrow: boolean;
  onMark: () => void;
  onToggle: () => void;
  children: ReactNode;
}

function Row({ row, isOpen, isActive, isMarked, isNarrow, onMark, onToggle, children }: RowProps) {
  const asked = gist(row.inputs);
  const tags = { ...(row.split && { split: row.split }), ...row.tags };
  return (
    <li id={`row-${row.row_id}`} className={`dataset-item ${isOpen ? "open" : ""} ${isActive ? "active" : ""}`}>
      <div className="dataset-row">
        <span className="mark-cell">
          <input type="checkbox" checked={isMarked} aria-label={`Mark ${asked.slice(0, 60)}`} onChange={onMark} />
        </span>
        <button type="button" className="row-opener" aria-expanded={isOpen} onClick={onToggle}>
          <span className="two-lines" dir="auto">
            {asked || <span className="dim">(empty)</span>}
          </span>
        </button>
        <span className="two-lines expected" dir="auto">
          {Object.keys(row.expectations).length ? (
            gist(row.expectations)
          ) : isNarrow ? null : (
            <span className="dim">–</span>
          )}
        </span>
        <Tags tags={tags} />
        <Source row={row} />
        <span className="right dim num nowrap" title={fullTime(Number(row.updated_ns))}>
          {ago(Number(row.updated_ns))}
        </span>
      </div>
      {isOpen && children}
    </li>
  );
}

function Source({ row }: { row: DatasetRow }) {
  const from = row.source?.source_data as { span_id?: string; name?: string } | undefined;
  if (!row.trace_id) {
    const kind = row.source?.source_type;
    return <span className="dim row-source">{typeof kind === "string" ? kind.toLowerCase() : ""}</span>;
  }
  const span = typeof from?.span_id === "string" ? from.span_id : null;
  return (
    <Link
      className="long-id row-source"
      href={`/traces/${encodeURIComponent(row.trace_id)}${span ? `?span=${encodeURIComponent(span)}` : ""}`}
      title={span ? `Step ${from?.name ?? span} of trace ${row.trace_id}` : `Trace ${row.trace_id}`}
    >
      {span ? from?.name || "step" : "trace"} {row.trace_id.slice(0, 8)}
    </Link>
  );
}

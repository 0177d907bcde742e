// Rows of datasets on their way in and out: from traces, and as JSON lines.

import { ApiError, exactRequest, request } from "../api/client";
import { rowPage } from "../api/queries";
import type { DatasetRow, Json, Selection, TracePage, WrittenRows } from "../api/types";
import { isContainer, parseExact } from "../text/exact";

/** Adds rows to a dataset; tells how many are done. */
export type Add = (datasetId: string, onCount: (done: number) => void) => Promise<WrittenRows>;

const TRACES_AT_ONCE = 100;
const LISTED_AT_ONCE = 1000;
const LINES_AT_ONCE = 500;
const LETTERS_AT_ONCE = 500_000;
const READ_AT_ONCE = 1000;

const rowsOf = (datasetId: string) => `/datasets/${encodeURIComponent(datasetId)}/rows`;

const post = (datasetId: string, json: unknown) =>
  request<WrittenRows>(rowsOf(datasetId), {}, { method: "POST", json });

/** Adds one trace, or one of its steps. */
export const addOne =
  (traceId: string, spanId?: string): Add =>
  (datasetId) =>
    post(datasetId, { rows: [{ trace_id: traceId, ...(spanId && { span_id: spanId }) }] });

/** Adds traces; those without inputs are left out. */
export const addTraces =
  (traceIds: string[]): Add =>
  async (datasetId, onCount) => {
    const all = { added: 0, changed: 0, skipped: 0 };
    for (let from = 0; from < traceIds.length; from += TRACES_AT_ONCE) {
      const part = traceIds.slice(from, from + TRACES_AT_ONCE);
      sum(all, await post(datasetId, { rows: part.map((id) => ({ trace_id: id })), skip_empty: true }));
      onCount(from + part.length);
    }
    return all;
  };

/** Adds all traces of a selection, oldest first. */
export const addSelected =
  (selection: Selection): Add =>
  async (datasetId, onCount) => {
    const ids: string[] = [];
    let token: string | null = null;
    do {
      const asked = { ...selection, limit: LISTED_AT_ONCE, page_token: token };
      const page: TracePage = await request<TracePage>("/traces", asked);
      ids.push(...page.traces.map((trace) => trace.trace_id));
      token = page.next_page_token;
    } while (token);
    return addTraces(ids.reverse())(datasetId, onCount);
  };

function sum(all: WrittenRows, part: WrittenRows): void {
  all.added += part.added;
  all.changed += part.changed;
  all.skipped += part.skipped;
}

const FIELDS = ["inputs", "outputs", "expectations", "tags", "split", "trace_id", "source"] as const;
/** Names that rows have where they were read, and that say nothing about a new one. */
const NOT_TAKEN = new Set(["id", "dataset_record_id", "source_type", "source_id", "created_time", "last_update_time"]);

/** A row as `tracer dataset export` writes it. */
export function lineOf(row: DatasetRow): string {
  const fields = FIELDS.flatMap((name): [string, Json][] => {
    const value = row[name];
    const isEmpty = value === null || (isContainer(value) && !Array.isArray(value) && !Object.keys(value).length);
    return isEmpty && name !== "inputs" ? [] : [[name, value]];
  });
  return JSON.stringify({ id: row.row_id, ...Object.fromEntries(fields) });
}

/** The rows that a search finds as JSON lines. */
export async function linesOf(datasetId: string, filter: string, onCount: (done: number) => void): Promise<string[]> {
  const lines: string[] = [];
  let token: string | null = null;
  do {
    const page = await rowPage(datasetId, filter, READ_AT_ONCE, token);
    lines.push(...page.rows.map((row) => `${lineOf(row)}\n`));
    token = page.next_page_token;
    onCount(lines.length);
  } while (token);
  return lines;
}

interface Read {
  line: number;
  row: { [key: string]: Json };
  letters: number;
}

/** The rows in JSON lines. Raises an Error that names the line. */
export function readLines(text: string): Read[] {
  return text.split("\n").flatMap((line, index): Read[] => {
    if (!line.trim()) return [];
    let value: Json;
    try {
      value = parseExact(line);
    } catch (error) {
      throw new Error(`Line ${index + 1} is not JSON: ${error instanceof Error ? error.message : error}`);
    }
    if (!isContainer(value) || Array.isArray(value) || value.inputs === undefined)
      throw new Error(`Line ${index + 1} is no object with inputs, such as {"inputs": {"question": "…"}}`);
    const row = Object.fromEntries(Object.entries(value).filter(([name]) => !NOT_TAKEN.has(name)));
    return [{ line: index + 1, row, letters: line.length }];
  });
}

/** Adds the rows of JSON lines. Raises an Error that names the line; rows before it may have been taken in. */
export const addLines =
  (text: string): Add =>
  async (datasetId, onCount) => {
    const all = { added: 0, changed: 0, skipped: 0 };
    let done = 0;
    for (const part of parts(readLines(text))) {
      const json = { rows: part.map(({ row }) => row) };
      const answer = await exactRequest(rowsOf(datasetId), {}, { method: "POST", json }).catch((error: unknown) => {
        throw atLine(error, part, done);
      });
      sum(all, answer as unknown as WrittenRows);
      done += part.length;
      onCount(done);
    }
    return all;
  };

function parts(rows: Read[]): Read[][] {
  const found: Read[][] = [];
  let letters = 0;
  for (const row of rows) {
    const last = found[found.length - 1];
    if (!last || last.length >= LINES_AT_ONCE || letters + row.letters > LETTERS_AT_ONCE) {
      found.push([row]);
      letters = row.letters;
    } else {
      last.push(row);
      letters += row.letters;
    }
  }
  return found;
}

function atLine(error: unknown, part: Read[], done: number): unknown {
  if (!(error instanceof ApiError)) return error;
  const index = /^rows\[(\d+)\]/.exec(error.message);
  const line = index && part[Number(index[1])]?.line;
  const where = line ? `Line ${line}${error.message.slice(index?.[0].length)}` : error.message;
  return new Error(done ? `${where} ${done} rows before it were taken in.` : where);
}

/** A file to download. */
export function save(parts: string[], name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** What was written, in words. */
export function told({ added, changed, skipped }: WrittenRows): string {
  const said = [`${added} added`];
  if (changed) said.push(`${changed} merged with the same inputs`);
  if (skipped) said.push(`${skipped} without inputs left out`);
  return said.join(", ");
}

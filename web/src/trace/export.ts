// Complete traces as files to download.

import { textOf } from "../api/client";
import { traceRecords } from "../api/queries";

/** A trace as indented JSON: its records as they were written. */
export const traceJson = async (traceId: string) => JSON.stringify(await traceRecords(traceId), null, 2);

/** Save traces as `tracer export` does; `tracer import` reads them. */
export async function saveTraces(traceIds: string[]): Promise<void> {
  const lines: string[] = [];
  for (const id of traceIds) lines.push(`${(await textOf(`/traces/${encodeURIComponent(id)}/otlp`)).trim()}\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  link.download = "traces.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

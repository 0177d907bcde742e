// Traces with all that was recorded, to take along.

import { traceRecords } from "../api/queries";
import { type Attachment, attachmentIds, otlpLine } from "./otlp";

/** A trace as JSON for people: its records as they were written. */
export const traceJson = async (traceId: string) => JSON.stringify(await traceRecords(traceId), null, 2);

/** Save traces as `tracer export` does; `tracer import` reads them. */
export async function saveTraces(traceIds: string[]): Promise<void> {
  const lines: string[] = [];
  for (const id of traceIds) {
    const trace = await traceRecords(id);
    const attachments = await Promise.all(attachmentIds(trace).map(attachment));
    const found = attachments.filter((one): one is Attachment => one !== null);
    lines.push(`${otlpLine(trace, found)}\n`);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  link.download = "traces.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function attachment(id: string): Promise<Attachment | null> {
  const answer = await fetch(`/api/v1/attachments/${id}`, { credentials: "same-origin" });
  if (!answer.ok) return null;
  const content = await answer.blob();
  return { id, mime: content.type, content: await base64(content) };
}

const base64 = (content: Blob) =>
  new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(content);
  });

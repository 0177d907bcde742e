// A trace as one line of OTLP JSON, as `tracer export` writes it: `tracer import` and the OpenTelemetry Collector read it.
// Source: OpenTelemetry protocol 1.x, "JSON Protobuf Encoding" (64-bit integers as decimal strings, enums as numbers).

import type { Assessment, Json, Trace, TraceRecords } from "../api/types";
import { type ExactNumber, isContainer } from "../text/exact";

type Fields = { [key: string]: Json };

// what OTLP has no place for travels in attributes of these names
const JSON_KEYS = "tracer.json_keys";
const TRACE_RECORDS = "tracer.trace.records";
const SPAN_TYPE = "tracer.span.type";
const STATUS = ["UNSET", "OK", "ERROR"];
const COUNTS: Record<string, string> = {
  attributes: "droppedAttributesCount",
  events: "droppedEventsCount",
  links: "droppedLinksCount",
};
const SAID = [
  "session_id",
  "user",
  "model_id",
  "run_id",
  "request_preview",
  "response_preview",
  "client_request_id",
] as const;

export interface Attachment {
  id: string;
  mime: string;
  /** Base64. */
  content: string;
}

/** The ids of the attachments that a trace refers to. */
export const attachmentIds = (trace: TraceRecords): string[] => [
  ...new Set(
    Array.from(JSON.stringify(trace.records).matchAll(/tracer-attachment:([0-9a-f]{64})/g), (hit) => hit[1] ?? ""),
  ),
];

export function otlpLine({ trace, records, resource }: TraceRecords, attachments: Attachment[]): string {
  const spans = records.filter((record) => record.kind !== "start");
  const others: unknown[] = [
    ...records.filter((record) => record.kind === "start"),
    aboutTrace(trace, spans),
    ...trace.assessments.map(assessment),
    ...attachments.map((attachment) => ({ kind: "attachment", ...attachment })),
  ];
  const about = spans.length ? resource : { ...resource, [TRACE_RECORDS]: JSON.stringify(others) };
  const scopes = new Map<string, unknown[]>();
  spans.forEach((record, index) => {
    const scope = String(record.scope ?? "");
    scopes.set(scope, [...(scopes.get(scope) ?? []), spanOf(record, index === 0 ? others : [])]);
  });
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributes(about) },
        scopeSpans: Array.from(scopes, ([name, found]) => ({ scope: name ? { name } : {}, spans: found })),
      },
    ],
  });
}

function aboutTrace(trace: Trace, spans: Fields[]): Fields {
  const root = spans.find((span) => span.span_id === trace.root_span_id);
  const said = SAID.filter((name) => trace[name] !== null).map((name) => [name, trace[name]]);
  const isAsItsRoot = trace.state === (root?.status === "ERROR" ? "ERROR" : "OK");
  return {
    kind: "trace",
    trace_id: trace.trace_id,
    // as old as the trace, so that importing it where the trace has changed since changes nothing
    time: trace.start_ns,
    experiment: trace.experiment,
    ...Object.fromEntries(said),
    ...(Object.keys(trace.tags).length && { tags: trace.tags }),
    ...(Object.keys(trace.metadata).length && { metadata: trace.metadata }),
    ...(["OK", "ERROR"].includes(trace.state) && !isAsItsRoot && { state: trace.state }),
  };
}

function assessment({ type, time_ns, ...given }: Assessment): Fields {
  const isSaid = ([name, value]: [string, unknown]) =>
    name === "value" || (value !== null && !(name === "metadata" && !Object.keys(given.metadata).length));
  return { kind: "assessment", type, time: time_ns, ...Object.fromEntries(Object.entries(given).filter(isSaid)) };
}

function spanOf(record: Fields, others: unknown[]): unknown {
  const has = (name: string) => Boolean(record[name]);
  const status = { code: Math.max(0, STATUS.indexOf(String(record.status ?? "UNSET"))) };
  const dropped = Object.entries(fields(record.dropped)).flatMap(([name, number]) =>
    COUNTS[name] ? [[COUNTS[name], number]] : [],
  );
  return {
    traceId: record.trace_id,
    spanId: record.span_id,
    ...(has("parent_id") && { parentSpanId: record.parent_id, flags: record.remote_parent ? 0x300 : 0x100 }),
    ...(has("trace_state") && { traceState: record.trace_state }),
    name: record.name ?? "",
    kind: "otel_kind" in record ? Number(record.otel_kind) + 1 : 0,
    startTimeUnixNano: String(record.start),
    endTimeUnixNano: String(record.end),
    attributes: spanAttributes(record, others),
    ...(has("events") && { events: list(record.events).map(event) }),
    ...(has("links") && { links: list(record.links).map(link) }),
    ...Object.fromEntries(dropped),
    status: has("message") ? { ...status, message: record.message } : status,
  };
}

function spanAttributes(record: Fields, others: unknown[]): unknown[] {
  const structured = fields(record.json);
  return attributes({
    ...fields(record.attributes),
    ...(record.type ? { [SPAN_TYPE]: record.type } : {}),
    ...Object.fromEntries(Object.entries(structured).map(([key, value]) => [key, JSON.stringify(value)])),
    [JSON_KEYS]: Object.keys(structured),
    ...(others.length && { [TRACE_RECORDS]: JSON.stringify(others) }),
  });
}

const event = (one: Fields) => ({
  timeUnixNano: String(one.time ?? 0),
  name: one.name ?? "",
  ...(one.attributes && { attributes: attributes(fields(one.attributes)) }),
});

const link = (one: Fields) => ({
  traceId: one.trace_id,
  spanId: one.span_id,
  ...(one.attributes && { attributes: attributes(fields(one.attributes)) }),
});

const fields = (value: Json | undefined): Fields => (isContainer(value) && !Array.isArray(value) ? value : {});
const list = (value: Json | undefined): Fields[] => (Array.isArray(value) ? value.map(fields) : []);

const attributes = (values: Fields): unknown[] =>
  Object.entries(values).map(([key, item]) => ({ key, value: anyValue(item) }));

function anyValue(value: Json): unknown {
  if (value === null) return {};
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "string") return { stringValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (isContainer(value)) return { kvlistValue: { values: attributes(value) } };
  const written = String(value);
  if (!/^-?\d+$/.test(written)) return { doubleValue: value as number | ExactNumber };
  const isInt64 = BigInt.asIntN(64, BigInt(written)) === BigInt(written);
  return isInt64 ? { intValue: written } : { stringValue: written };
}

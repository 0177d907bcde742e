// Responses of the server; names and units are those of its OpenAPI document.

import type { ExactNumber } from "../text/exact";

export type Json = null | boolean | number | ExactNumber | string | Json[] | { [key: string]: Json };
export type State = "OK" | "ERROR" | "IN_PROGRESS" | "INTERRUPTED";
export type Usage = Record<string, number>;
export type Cost = { total_cost: number; input_cost?: number; output_cost?: number };

export interface Assessment {
  id: string;
  trace_id: string;
  span_id: string | null;
  name: string;
  type: "feedback" | "expectation";
  value: Json;
  rationale: string | null;
  source: { type: string; id: string };
  metadata: Record<string, string>;
  error: string | null;
  time_ns: number;
}

export interface Trace {
  trace_id: string;
  seq: number;
  name: string | null;
  state: State;
  start_ns: number;
  duration_ns: number | null;
  root_span_id: string | null;
  span_count: number;
  error_count: number;
  usage: Usage | null;
  cost: Cost | null;
  models: string[];
  providers: string[];
  /** Names of the failed steps without a failed one below. */
  failed_steps: string[];
  request_preview: string | null;
  response_preview: string | null;
  session_id: string | null;
  user: string | null;
  model_id: string | null;
  run_id: string | null;
  client_request_id: string | null;
  experiment_id: string;
  experiment: string;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  assessments: Assessment[];
}

export interface TracePage {
  traces: Trace[];
  next_page_token: string | null;
  seq: number;
}

export interface Histogram {
  since_ns: number | null;
  until_ns: number | null;
  step_ns: number;
  count: number;
  buckets: { start_ns: number; count: number; errors: number }[];
}

export interface Snippet {
  trace_id: string;
  span_id: string;
  before: string;
  words: string;
  after: string;
}

export interface Facet {
  field: string;
  values: { value: string; count: number /** Other names that count under this one. */; folded: string[] }[];
  more: boolean;
}

export interface Facets {
  facets: Facet[];
  counted: number;
  complete: boolean;
  tag_keys: string[];
}

export type SpanStatus = "UNSET" | "OK" | "ERROR" | "IN_PROGRESS" | "INTERRUPTED";

/** A span in the tree; fields without a value are left out. */
export interface LightSpan {
  span_id: string;
  parent_id?: string | null;
  name: string;
  type: string;
  status: SpanStatus;
  message?: string | null;
  start_ns: number;
  duration_ns?: number | null;
  first_chunk_ns?: number | null;
  model?: string | null;
  provider?: string | null;
  usage?: Usage | null;
  cost?: Cost | null;
  remote_parent?: boolean;
}

export interface TraceAnswer {
  trace: Trace;
  spans: LightSpan[];
  position: number;
  seq: number;
  resource: Record<string, Json>;
}

/** The records of a trace as they were written; numbers may be exact ones. */
export interface TraceRecords {
  trace: Trace;
  records: { [key: string]: Json }[];
  position: number;
  resource: { [key: string]: Json };
}

export interface Part {
  type: string;
  content?: Json;
  id?: string;
  name?: string;
  arguments?: Json;
  response?: Json;
  modality?: string;
  mime_type?: string;
  uri?: string;
  file_id?: string;
  filename?: string;
  transcript?: string;
  [key: string]: Json | undefined;
}

export interface Message {
  role: string;
  parts: Part[];
  finish_reason?: string;
  name?: string;
}

export interface SpanEvent {
  name: string;
  time_ns: number;
  attributes: Record<string, Json>;
}

export interface Span extends LightSpan {
  inputs: Json;
  outputs: Json;
  input_messages: Message[] | null;
  output_messages: Message[] | null;
  system_instructions: Part[] | null;
  tools: Json[] | null;
  attributes: Record<string, Json>;
  events: SpanEvent[];
  links: { trace_id: string; span_id: string; attributes: Record<string, Json> }[];
  kind: string | null;
  scope: string | null;
  dropped: Record<string, number> | null;
}

export interface Session {
  session_id: string;
  users: string[];
  trace_count: number;
  error_count: number;
  start_ns: number;
  end_ns: number;
  usage: Usage | null;
  cost: Cost | null;
  first_request_preview: string | null;
  last_response_preview: string | null;
  models: string[];
}

export interface SessionPage {
  sessions: Session[];
  next_page_token: string | null;
}

export interface SessionAnswer {
  session: Session;
  turns: { trace: Trace; messages: Message[] }[];
  next_page_token: string | null;
}

export interface Latency {
  p50: number;
  p95: number;
  p99: number;
}

export interface StatisticsGroup {
  group: string;
  calls: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  cost: number | null;
  priced: number;
  /** Calls without a price that failed or sent no token counts. */
  unmeasured: number;
  latency_ns: Latency;
}

export interface Statistics {
  group_by: string;
  counts: string;
  since_ns: number | null;
  until_ns: number | null;
  interval_ns: number | null;
  exact: boolean;
  groups: StatisticsGroup[];
  series: (StatisticsGroup & { start_ns: number })[];
}

export interface Dataset {
  dataset_id: string;
  name: string;
  created_ns: number;
  updated_ns: number;
  experiments: string[];
  tags: Record<string, string>;
  row_count: number;
}

/** A row of a dataset; recorded values may hold exact numbers, and so may its times. */
export interface DatasetRow {
  row_id: string;
  inputs: Json;
  outputs: Json;
  expectations: { [key: string]: Json };
  tags: { [key: string]: Json };
  split: string | null;
  trace_id: string | null;
  source: { [key: string]: Json } | null;
  created_ns: Json;
  updated_ns: Json;
}

export interface RowPage {
  rows: DatasetRow[];
  next_page_token: string | null;
}

export interface WrittenRows {
  added: number;
  changed: number;
  skipped: number;
}

export type ScoreKind = "yes_no" | "rating" | "choice" | "text";

export interface ReviewScore {
  name: string;
  kind: ScoreKind;
  question: string;
  choices?: string[];
}

export interface ReviewQueue {
  queue_id: string;
  name: string;
  created_ns: number;
  updated_ns: number;
  filter: string;
  experiment: string | null;
  scores: ReviewScore[];
  reviewers: number;
  guidance: string;
}

export interface ReviewProgress {
  trace_count: number;
  reviewed_count: number;
  by_reviewer: number | null;
  left_count: number;
}

export interface Scores {
  name: string;
  count: number;
  mean: number | null;
  deviation: number | null;
  texts: { text: string; count: number }[];
  /** The mean is the share of yes among yes and no. */
  is_share: boolean;
}

export interface Version {
  model_id: string;
  name: string;
  created_ns: number | null;
  trace_count: number;
  error_count: number;
  first_ns: number;
  last_ns: number;
  usage: Usage | null;
  cost: Cost | null;
  latency_ns: Latency | null;
  models: string[];
  feedback: Scores[];
  /** Name of most of its traces. */
  trace_name: string | null;
  /** Standard errors: tokens and cost a trace, latency_p50_ms and so on. */
  uncertainty: Record<string, number>;
}

/** What is said of a version apart from its traces. */
export interface Model {
  model_id: string;
  name: string;
  params: Record<string, string>;
  tags: Record<string, string>;
  deleted: boolean;
  status: string;
}

export interface Completion {
  start: number;
  end: number;
  items: { text: string; kind: "field" | "operator" | "value" | "keyword" | "condition"; detail: string | null }[];
}

export interface ServerInfo {
  version: string;
  auth: "none" | "token";
  signed_in: boolean;
  store: string | null;
  /** The project of the key, and its roles; null where the server has one store. */
  project: string | null;
  roles: ("write" | "read" | "metrics" | "admin")[] | null;
  read_only: boolean;
  /** Whether the page may make calls of models. */
  try_again: boolean;
  /** Whether the server looks at rules of alerts. */
  alerts: boolean;
  /** Name of the OpenID Connect provider that people sign in with; null where there is none. */
  sign_in_with: string | null;
}

/** Restrictions of a listing. */
export interface Selection {
  filter: string;
  since_ns: number | null;
  until_ns: number | null;
}

// Requests to the server of this page.

import { parseExact } from "../text/exact";
import type { Json } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly position: number | null,
  ) {
    super(message);
  }
}

/** Whether nobody answers, or a proxy says so: what was asked may come a little later. */
export const isAway = (error: unknown): boolean =>
  error instanceof ApiError && [0, 502, 503, 504].includes(error.status);

/** Whether there is nothing of this name: not yet, where a program printed the address of what it has just begun. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

export type Query = Record<string, string | number | null | undefined>;

interface Body {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  json?: unknown;
  signal?: AbortSignal | undefined;
}

/** The parsed response; raises ApiError for an error response and for a server that does not respond. */
export async function request<T>(path: string, query: Query = {}, body: Body = {}): Promise<T> {
  const answer = await asked(path, query, body);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** The parsed response with exact numbers: recorded values are shown unchanged. */
export async function exactRequest(path: string, query: Query = {}, body: Body = {}): Promise<Json> {
  return parseExact(await (await asked(path, query, body)).text());
}

/** The response's server-sent events as they come: name and data. Raises ApiError, also where the connection breaks. */
export async function* eventsOf(path: string, body: Body): AsyncGenerator<[string, string]> {
  const answer = await asked(path, {}, body);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (reader) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "unreachable", "The connection to the server broke.", null);
    });
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (event) yield [event[1] ?? "", event[2] ?? ""];
    }
  }
}

/** The response as text. */
export const textOf = async (path: string): Promise<string> => (await asked(path, {}, {})).text();

async function asked(path: string, query: Query, { method = "GET", json, signal }: Body): Promise<Response> {
  const init: RequestInit = { method, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers = { "Content-Type": "application/json" };
  }
  const answer = await fetch(`/api/v1${path}${search(query)}`, init).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer.", null);
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

function search(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === null || value === undefined || value === "" ? [] : [[key, String(value)]],
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

async function refusal(answer: Response): Promise<ApiError> {
  const said = (await answer.json().catch(() => null)) as { error?: Partial<ApiError> } | null;
  const error = said?.error ?? {};
  return new ApiError(
    answer.status,
    error.code ?? "internal",
    error.message ?? `The server answered ${answer.status}.`,
    error.position ?? null,
  );
}

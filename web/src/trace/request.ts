// A step's request to its provider, as code that repeats it.

import type { Json, Span } from "../api/types";

import { isContainer } from "../text/exact";

type Body = { [key: string]: Json };

const PATHS: Record<string, string> = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  text_completion: "/v1/completions",
  embeddings: "/v1/embeddings",
};

const CALLS: Record<string, string> = {
  chat: "client.chat.completions.create",
  responses: "client.responses.create",
  text_completion: "client.completions.create",
  embeddings: "client.embeddings.create",
};

const bodyOf = (span: Span): Body => (isContainer(span.inputs) && !Array.isArray(span.inputs) ? span.inputs : {});

function kindOf(span: Span): string {
  const body = bodyOf(span);
  if (span.attributes["gen_ai.operation.name"] === "chat" && "input" in body && !("messages" in body))
    return "responses";
  return String(span.attributes["gen_ai.operation.name"] ?? "chat");
}

/** Whether the step is a model call, whose inputs are the body of the request. */
export const isRequest = (span: Span) => Boolean(span.model && "model" in bodyOf(span));

export function toCurl(span: Span): string {
  const body = JSON.stringify(bodyOf(span), null, 2).replaceAll("'", "'\\''");
  if (span.provider === "ollama") return `curl ${origin(span, "http://localhost:11434")}/api/chat -d '${body}'`;
  if (span.provider === "anthropic")
    return [
      `curl ${origin(span, "https://api.anthropic.com")}/v1/messages`,
      `-H "x-api-key: $ANTHROPIC_API_KEY"`,
      `-H "anthropic-version: 2023-06-01"`,
      `-H "Content-Type: application/json"`,
      `-d '${body}'`,
    ].join(" \\\n  ");
  return [
    `curl ${origin(span, "https://api.openai.com")}${PATHS[kindOf(span)] ?? PATHS.chat}`,
    `-H "Authorization: Bearer $OPENAI_API_KEY"`,
    `-H "Content-Type: application/json"`,
    `-d '${body}'`,
  ].join(" \\\n  ");
}

function origin(span: Span, usual: string): string {
  const host = span.attributes["server.address"];
  const port = span.attributes["server.port"];
  if (typeof host !== "string" || !host) return usual;
  const isLocal = /^(localhost|127\.|\[?::1)/.test(host);
  return `${isLocal ? "http" : "https"}://${host}${port && port !== 443 ? `:${port}` : ""}`;
}

export function toPython(span: Span): string {
  const body = Object.entries(bodyOf(span));
  const lines = body.map(([key, value]) => `    ${key}=${python(value, 1)},`).join("\n");
  if (span.provider === "ollama") return `import ollama\n\nreply = ollama.chat(\n${lines}\n)\n`;
  if (span.provider === "anthropic")
    return `import anthropic\n\nreply = anthropic.Anthropic().messages.create(\n${lines}\n)\n`;
  return `import openai\n\nclient = openai.OpenAI()\nreply = ${CALLS[kindOf(span)] ?? CALLS.chat}(\n${lines}\n)\n`;
}

/** A JSON value as a Python literal. */
export function python(value: Json, depth: number): string {
  const indent = "    ".repeat(depth + 1);
  const close = "    ".repeat(depth);
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (!isContainer(value)) return JSON.stringify(value);
  if (Array.isArray(value))
    return value.length
      ? `[\n${value.map((item) => `${indent}${python(item, depth + 1)},`).join("\n")}\n${close}]`
      : "[]";
  const entries = Object.entries(value);
  if (!entries.length) return "{}";
  return `{\n${entries.map(([key, item]) => `${indent}${JSON.stringify(key)}: ${python(item, depth + 1)},`).join("\n")}\n${close}}`;
}

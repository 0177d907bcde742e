// The body of a model's request, taken apart so that it can be edited in place: what nobody edits stays as it was.

import type { Json, Message, Part, Span } from "../api/types";
import { attachmentIn, type Source } from "../text/attachments";
import { isContainer, parseExact } from "../text/exact";

export type Fields = { [key: string]: Json };
export type Path = readonly (string | number)[];
export type Dialect = "chat" | "responses" | "anthropic" | "ollama" | "gemini";

/** One thing in a message: text, a tool call with its name and arguments, something to look at, or any JSON. */
export type Block =
  | { kind: "text"; path: Path; text: string; word: string }
  | { kind: "call"; path: Path; name: Path; arguments: Path; isText: boolean }
  | { kind: "media"; path: Path; source: Source }
  | { kind: "json"; path: Path; word: string };

/** A message, or what stands for one; the system's text has no role of its own in some APIs. */
export interface Turn {
  path: Path;
  role: string;
  rolePath: Path | null;
  blocks: Block[];
}

export const NAMES: Record<Dialect, string> = {
  chat: "Chat completions",
  responses: "Responses",
  anthropic: "Anthropic messages",
  ollama: "Ollama chat",
  gemini: "Gemini",
};

const LISTS: Record<Dialect, string> = {
  chat: "messages",
  responses: "input",
  anthropic: "messages",
  ollama: "messages",
  gemini: "contents",
};

const SYSTEM: Partial<Record<Dialect, string>> = {
  responses: "instructions",
  anthropic: "system",
  gemini: "systemInstruction",
};

export const ROLES: Record<Dialect, string[]> = {
  chat: ["system", "developer", "user", "assistant", "tool"],
  responses: ["system", "developer", "user", "assistant"],
  anthropic: ["user", "assistant"],
  ollama: ["system", "user", "assistant", "tool"],
  gemini: ["user", "model"],
};

/** Names of parameters that are offered for a new one. */
export const PARAMETERS: Record<Dialect, string[]> = {
  chat: [
    "temperature",
    "max_completion_tokens",
    "max_tokens",
    "top_p",
    "seed",
    "stop",
    "reasoning_effort",
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
    "frequency_penalty",
    "presence_penalty",
    "n",
  ],
  responses: ["temperature", "max_output_tokens", "top_p", "reasoning", "text", "tool_choice", "parallel_tool_calls"],
  anthropic: ["max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "thinking", "tool_choice"],
  ollama: ["options.temperature", "options.num_ctx", "options.num_predict", "options.seed", "format", "think"],
  gemini: [
    "generationConfig.temperature",
    "generationConfig.maxOutputTokens",
    "generationConfig.topP",
    "generationConfig.seed",
    "generationConfig.thinkingConfig",
    "toolConfig",
  ],
};

/** Parameters of these are shown one by one. */
const GROUPS = new Set(["options", "generationConfig"]);
/** The server asks for a stream by itself. */
const OF_THE_STREAM = ["stream", "stream_options"];

const isFields = (value: Json | undefined): value is Fields => isContainer(value) && !Array.isArray(value);

// ---- values at a path

export function at(value: Json | undefined, path: Path): Json | undefined {
  let here = value;
  for (const key of path) here = isContainer(here) ? (here as Fields)[key] : undefined;
  return here;
}

/** A copy in which the value at a path is another one; undefined removes it. */
export function put<T extends Json>(value: T, path: Path, next: Json | undefined): T {
  const [key, ...rest] = path;
  if (key === undefined) return (next ?? null) as T;
  if (Array.isArray(value)) {
    const copy = [...value];
    if (rest.length === 0 && next === undefined) copy.splice(Number(key), 1);
    else copy[Number(key)] = rest.length ? put(copy[Number(key)] ?? {}, rest, next) : (next as Json);
    return copy as T;
  }
  const copy: Fields = isFields(value) ? { ...value } : {};
  if (rest.length === 0 && next === undefined) delete copy[key];
  else copy[key] = rest.length ? put(copy[key] ?? {}, rest, next) : (next as Json);
  return copy as T;
}

// ---- reading a call

/** The API that a recorded call went to, by its body; null where the body is none. */
export function dialectOf(span: Span): Dialect | null {
  const body = span.inputs;
  if (!isFields(body) || typeof body.model !== "string") return null;
  if (Array.isArray(body.contents) || typeof body.contents === "string") return "gemini";
  if ("input" in body) return span.attributes["gen_ai.operation.name"] === "embeddings" ? null : "responses";
  if (!Array.isArray(body.messages)) return null;
  if (span.provider === "ollama" && (span.scope ?? "").startsWith("tracer.")) return "ollama";
  if (span.provider === "anthropic" || span.scope === "tracer.anthropic") return "anthropic";
  if (span.provider === "aws.bedrock" || span.provider === "cohere") return null;
  return "chat";
}

export interface Request {
  dialect: Dialect;
  body: Fields;
  /** Whether the body is the recorded one, not made of the recorded messages. */
  isExact: boolean;
}

/** The request of a recorded call; null where nothing of it was kept. */
export function requestOf(span: Span): Request | null {
  const dialect = dialectOf(span);
  if (dialect) return { dialect, body: tidy(dialect, span.inputs as Fields), isExact: true };
  if (!span.input_messages?.length) return null;
  return { dialect: "chat", body: fromMessages(span), isExact: false };
}

function tidy(dialect: Dialect, recorded: Fields): Fields {
  const body = { ...recorded };
  for (const key of OF_THE_STREAM) delete body[key];
  const list = LISTS[dialect];
  if (typeof body[list] === "string")
    body[list] = [
      dialect === "gemini" ? { role: "user", parts: [{ text: body[list] }] } : { role: "user", content: body[list] },
    ];
  if (dialect === "gemini" && body.system_instruction && !body.systemInstruction) {
    body.systemInstruction = body.system_instruction;
    delete body.system_instruction;
  }
  return body;
}

const SETTINGS = ["temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty"];

/** A chat completion made of messages, for calls whose body another instrumentation did not keep. */
function fromMessages(span: Span): Fields {
  const system = textOf(span.system_instructions ?? []);
  const messages = (span.input_messages ?? []).flatMap(chatMessages);
  const body: Fields = {
    model: span.model ?? String(span.attributes["gen_ai.request.model"] ?? ""),
    messages: [...(system ? [{ role: "system", content: system }] : []), ...messages],
  };
  for (const name of SETTINGS) {
    const value = span.attributes[`gen_ai.request.${name}`];
    if (value !== undefined) body[name] = value;
  }
  const tools = (span.tools ?? []).filter(isFields).map(chatTool);
  if (tools.length) body.tools = tools;
  return body;
}

const textOf = (parts: Part[]) =>
  parts
    .map((part) => (part.type === "text" && typeof part.content === "string" ? part.content : ""))
    .filter(Boolean)
    .join("\n");

function chatMessages(message: Message): Fields[] {
  const results = message.parts.filter((part) => part.type === "tool_call_response");
  const calls = message.parts.filter((part) => part.type === "tool_call");
  const shown = message.parts.flatMap(chatPart);
  const found: Fields[] = results.map((part) => ({
    role: "tool",
    tool_call_id: part.id ?? "",
    content: typeof part.response === "string" ? part.response : JSON.stringify(part.response ?? null),
  }));
  if (shown.length || calls.length || !results.length) {
    const isText = shown.every((part) => part.type === "text");
    const made: Fields = {
      role: message.role,
      content: isText ? shown.map((part) => String(part.text)).join("\n") || (calls.length ? null : "") : shown,
    };
    if (calls.length)
      made.tool_calls = calls.map((call, index) => ({
        id: call.id ?? `call_${index}`,
        type: "function",
        function: {
          name: call.name ?? "",
          arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments ?? {}),
        },
      }));
    found.push(made);
  }
  return found;
}

function chatPart(part: Part): Fields[] {
  if (part.type === "text" && typeof part.content === "string") return [{ type: "text", text: part.content }];
  if (part.type === "uri" && part.uri) return [{ type: "image_url", image_url: { url: part.uri } }];
  if (part.type === "blob" && typeof part.content === "string") {
    const isWhole = /^(data|tracer-attachment):/.test(part.content);
    const url = isWhole ? part.content : `data:${part.mime_type ?? "image/png"};base64,${part.content}`;
    return [{ type: "image_url", image_url: { url } }];
  }
  return [];
}

function chatTool(tool: Fields): Fields {
  if (isFields(tool.function)) return tool;
  const { type: _type, ...definition } = tool;
  return { type: "function", function: definition };
}

/** The request that a registered prompt is: its messages, for a model to be named. */
export const requestOfPrompt = (template: Json): Request => ({
  dialect: "chat",
  body: { model: "", messages: typeof template === "string" ? [{ role: "user", content: template }] : template },
  isExact: true,
});

// ---- the messages of a body

export function turnsOf(dialect: Dialect, body: Fields): Turn[] {
  const system = SYSTEM[dialect];
  const list = LISTS[dialect];
  const messages = Array.isArray(body[list]) ? body[list] : [];
  const turns = messages.map((message, index) => turnOf(message, [list, index]));
  if (system === undefined || body[system] === undefined || body[system] === null) return turns;
  return [{ path: [system], role: "system", rolePath: null, blocks: contentBlocks(body[system], [system]) }, ...turns];
}

function turnOf(message: Json, path: Path): Turn {
  if (typeof message === "string")
    return { path, role: "user", rolePath: null, blocks: [{ kind: "text", path, text: message, word: "Text" }] };
  if (!isFields(message)) return { path, role: "?", rolePath: null, blocks: [{ kind: "json", path, word: "JSON" }] };
  if (typeof message.role !== "string") {
    // an item of the Responses API
    const role = message.type === "function_call_output" ? "tool" : "assistant";
    return { path, role, rolePath: null, blocks: partBlocks(message, path) };
  }
  const blocks: Block[] = [];
  if ("content" in message && message.content !== null)
    blocks.push(...contentBlocks(message.content, [...path, "content"]));
  if (Array.isArray(message.parts)) blocks.push(...contentBlocks(message.parts, [...path, "parts"]));
  if (Array.isArray(message.images)) blocks.push(...contentBlocks(message.images, [...path, "images"]));
  if (Array.isArray(message.tool_calls))
    message.tool_calls.forEach((call, index) => {
      blocks.push(...partBlocks(call, [...path, "tool_calls", index]));
    });
  return { path, role: message.role, rolePath: [...path, "role"], blocks };
}

function contentBlocks(content: Json | undefined, path: Path): Block[] {
  if (typeof content === "string") return [textOrMedia(content, path)];
  if (Array.isArray(content)) return content.flatMap((part, index) => partBlocks(part, [...path, index]));
  if (isFields(content) && Array.isArray(content.parts)) return contentBlocks(content.parts, [...path, "parts"]);
  return content === undefined || content === null ? [] : partBlocks(content, path);
}

function textOrMedia(text: string, path: Path): Block {
  const source = attachmentIn(text);
  return source ? { kind: "media", path, source } : { kind: "text", path, text, word: "Text" };
}

function partBlocks(part: Json, path: Path): Block[] {
  if (typeof part === "string") return [textOrMedia(part, path)];
  if (!isFields(part)) return [{ kind: "json", path, word: "JSON" }];
  const call = callIn(part, path);
  if (call) return [call];
  if (part.type === "tool_result" && part.content !== undefined)
    return contentBlocks(part.content, [...path, "content"]).map(asResult);
  if (part.type === "function_call_output" && typeof part.output === "string")
    return [{ kind: "text", path: [...path, "output"], text: part.output, word: "Result" }];
  if (typeof part.text === "string" && !part.thought)
    return [{ kind: "text", path: [...path, "text"], text: part.text, word: "Text" }];
  const source = mediaIn(part);
  if (source) return [{ kind: "media", path, source }];
  return [{ kind: "json", path, word: typeof part.type === "string" ? part.type : (Object.keys(part)[0] ?? "JSON") }];
}

const asResult = (block: Block): Block => (block.kind === "text" ? { ...block, word: "Result" } : block);

function callIn(part: Fields, path: Path): Block | null {
  for (const [inner, args] of [
    ["function", "arguments"],
    ["functionCall", "args"],
    ["function_call", "args"],
  ] as const) {
    const call = part[inner];
    if (isFields(call) && typeof call.name === "string") {
      const place = [...path, inner];
      return callBlock(path, [...place, "name"], [...place, args], call[args]);
    }
  }
  if (part.type === "tool_use") return callBlock(path, [...path, "name"], [...path, "input"], part.input);
  if (part.type === "function_call") return callBlock(path, [...path, "name"], [...path, "arguments"], part.arguments);
  return null;
}

const callBlock = (path: Path, name: Path, args: Path, value: Json | undefined): Block => ({
  kind: "call",
  path,
  name,
  arguments: args,
  isText: typeof value === "string",
});

/** What an image, sound or file of any of the APIs can be seen by. */
function mediaIn(part: Fields): Source | null {
  const holders = [part, ...Object.values(part).filter(isFields)];
  for (const holder of holders) {
    const mime = holder.media_type ?? holder.mimeType ?? holder.mime_type;
    for (const text of Object.values(holder)) {
      if (typeof text !== "string" || !text) continue;
      const found = attachmentIn(text) ?? (mime ? attachmentIn(`data:${mime};base64,${text}`) : null);
      if (found) return found;
      if (/^https?:/i.test(text)) return { url: text, mime: "image/*", size: null, isHere: false };
    }
  }
  return null;
}

// ---- changing the messages

export const listOf = (dialect: Dialect, body: Fields): Json[] => {
  const messages = body[LISTS[dialect]];
  return Array.isArray(messages) ? messages : [];
};

export function withNewTurn(dialect: Dialect, body: Fields, role: string, text = ""): Fields {
  const message: Fields = dialect === "gemini" ? { role, parts: [{ text }] } : { role, content: text };
  return { ...body, [LISTS[dialect]]: [...listOf(dialect, body), message] };
}

/** The key for the system's text where it is no message; null where it is one, or is there. */
export function missingSystem(dialect: Dialect, body: Fields): string | null {
  const key = SYSTEM[dialect];
  return key && (body[key] === undefined || body[key] === null) ? key : null;
}

export const emptySystem = (dialect: Dialect): Json => (dialect === "gemini" ? { parts: [{ text: "" }] } : "");

/** The body with a message one place earlier or later. */
export function withMoved(body: Fields, path: Path, by: number): Fields {
  const [list, from] = path;
  const messages = body[String(list)];
  const to = Number(from) + by;
  if (!Array.isArray(messages) || to < 0 || to >= messages.length) return body;
  const copy = [...messages];
  const [moved] = copy.splice(Number(from), 1);
  copy.splice(to, 0, moved as Json);
  return { ...body, [String(list)]: copy };
}

// ---- model, tools and parameters

export const newTool = (dialect: Dialect): Json => {
  const parameters = { type: "object", properties: {}, required: [] };
  const about = { name: "new_tool", description: "" };
  if (dialect === "anthropic") return { ...about, input_schema: parameters };
  if (dialect === "responses") return { type: "function", ...about, parameters };
  if (dialect === "gemini") return { functionDeclarations: [{ ...about, parameters }] };
  return { type: "function", function: { ...about, parameters } };
};

export function toolName(tool: Json): string {
  if (!isFields(tool)) return "tool";
  const inner = isFields(tool.function) ? tool.function : tool;
  const declared = tool.functionDeclarations ?? tool.function_declarations;
  if (Array.isArray(declared))
    return declared.map((one) => (isFields(one) ? String(one.name ?? "?") : "?")).join(", ") || "tool";
  return String(inner.name ?? tool.type ?? Object.keys(tool)[0] ?? "tool");
}

export function parametersOf(dialect: Dialect, body: Fields): { path: Path; name: string; value: Json }[] {
  const elsewhere = new Set(["model", "tools", LISTS[dialect], SYSTEM[dialect] ?? ""]);
  return Object.entries(body).flatMap(([key, value]) => {
    if (elsewhere.has(key)) return [];
    if (GROUPS.has(key) && isFields(value))
      return Object.entries(value).map(([name, item]) => ({ path: [key, name], name: `${key}.${name}`, value: item }));
    return [{ path: [key], name: key, value }];
  });
}

export function parameterPath(name: string): Path {
  const [group, ...rest] = name.split(".");
  return group && rest.length && GROUPS.has(group) ? [group, rest.join(".")] : [name];
}

/** A value as one types it: a text without quotes, unless it would be read as something else. */
export function typed(value: Json): string {
  if (typeof value !== "string") return isContainer(value) ? JSON.stringify(value, null, 1) : String(value);
  return isJson(value) ? JSON.stringify(value) : value;
}

/** What was typed, as a value. */
export function untyped(text: string): Json {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// ---- variables of prompts

export const VARIABLE = /\{\{\s*([^\W\d]\w*)\s*\}\}/gu;

export function variablesOf(value: Json): string[] {
  const found = new Set<string>();
  const look = (item: Json) => {
    if (typeof item === "string") for (const match of item.matchAll(VARIABLE)) found.add(match[1] ?? "");
    else if (isContainer(item)) Object.values(item).forEach(look);
  };
  look(value);
  return [...found];
}

/** The value with its variables filled in, those without a value left as they are. */
export function filled<T extends Json>(value: T, values: Record<string, string>): T {
  if (typeof value === "string")
    return value.replace(VARIABLE, (whole: string, name: string) => values[name] ?? whole) as T;
  if (Array.isArray(value)) return value.map((item) => filled(item, values)) as T;
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, values)])) as T;
}

import { expect, test } from "vitest";
import type { Json, Span } from "../api/types";
import { ExactNumber, parseExact } from "../text/exact";
import {
  at,
  type Dialect,
  dialectOf,
  type Fields,
  filled,
  parameterPath,
  parametersOf,
  put,
  requestOf,
  turnsOf,
  typed,
  untyped,
  variablesOf,
  withMoved,
  withNewTurn,
} from "./body";

const span = (fields: Partial<Span>): Span =>
  ({
    attributes: {},
    inputs: null,
    input_messages: null,
    provider: "openai",
    scope: "tracer.openai",
    ...fields,
  }) as Span;

const shown = (dialect: Dialect, body: Fields) =>
  turnsOf(dialect, body).map((turn) => [
    turn.role,
    ...turn.blocks.map((block) => (block.kind === "text" ? block.text : block.kind)),
  ]);

const TOOL_CALL = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
const PNG = "data:image/png;base64,iVBORw0KGgo=";

test("the messages of each API are taken apart", () => {
  const bodies: [Dialect, Fields, Json[]][] = [
    [
      "chat",
      {
        messages: [
          { role: "system", content: "s" },
          {
            role: "user",
            content: [
              { type: "text", text: "t" },
              { type: "image_url", image_url: { url: PNG } },
            ],
          },
          { role: "assistant", content: null, tool_calls: [TOOL_CALL] },
          { role: "tool", tool_call_id: "c", content: "r" },
        ],
      },
      [
        ["system", "s"],
        ["user", "t", "media"],
        ["assistant", "call"],
        ["tool", "r"],
      ],
    ],
    [
      "responses",
      {
        instructions: "s",
        input: [
          { role: "user", content: [{ type: "input_text", text: "t" }] },
          { type: "function_call", name: "f", arguments: "{}", call_id: "c" },
          { type: "function_call_output", call_id: "c", output: "r" },
          { type: "reasoning", summary: [] },
        ],
      },
      [
        ["system", "s"],
        ["user", "t"],
        ["assistant", "call"],
        ["tool", "r"],
        ["assistant", "json"],
      ],
    ],
    [
      "anthropic",
      {
        system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }],
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
              { type: "text", text: "t" },
            ],
          },
          { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "r" }] },
        ],
      },
      [
        ["system", "s"],
        ["user", "media", "t"],
        ["assistant", "call"],
        ["user", "r"],
      ],
    ],
    [
      "ollama",
      {
        messages: [
          { role: "user", content: "t", images: [PNG] },
          { role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }] },
        ],
      },
      [
        ["user", "t", "media"],
        ["assistant", "", "call"],
      ],
    ],
    [
      "gemini",
      {
        systemInstruction: { parts: [{ text: "s" }] },
        contents: [
          { role: "user", parts: [{ text: "t" }, { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } }] },
          { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] },
          { role: "user", parts: [{ functionResponse: { name: "f", response: {} } }] },
        ],
      },
      [
        ["system", "s"],
        ["user", "t", "media"],
        ["model", "call"],
        ["user", "json"],
      ],
    ],
  ];
  for (const [dialect, body, expected] of bodies) expect(shown(dialect, body), dialect).toEqual(expected);
});

test("an edit changes its place alone", () => {
  const body = { messages: [{ role: "user", content: [{ type: "text", text: "a", x: 1 }] }], seed: 1 };
  const [turn] = turnsOf("chat", body);
  const next = put(body, turn?.blocks[0]?.path ?? [], "b");
  expect(next).toEqual({ messages: [{ role: "user", content: [{ type: "text", text: "b", x: 1 }] }], seed: 1 });
  expect(at(body, ["messages", 0, "content", 0, "text"])).toEqual("a");
  expect(put(body, ["messages", 0], undefined)).toEqual({ messages: [], seed: 1 });
});

test("messages move and are added", () => {
  const body = { messages: [{ role: "user", content: "a" }] };
  const two = withNewTurn("chat", body, "assistant", "b");
  expect(shown("chat", withMoved(two, ["messages", 1], -1))).toEqual([
    ["assistant", "b"],
    ["user", "a"],
  ]);
  expect(withMoved(two, ["messages", 0], -1)).toBe(two);
  expect(shown("gemini", withNewTurn("gemini", {}, "user", "c"))).toEqual([["user", "c"]]);
});

test("the API is known by the body", () => {
  const messages = [{ role: "user", content: "a" }];
  const of = (inputs: Json, fields: Partial<Span> = {}) => dialectOf(span({ inputs, ...fields }));
  expect(of({ model: "m", messages })).toBe("chat");
  expect(of({ model: "m", input: "a" })).toBe("responses");
  expect(of({ model: "m", messages }, { provider: "anthropic" })).toBe("anthropic");
  expect(of({ model: "m", messages }, { provider: "ollama" })).toBe("ollama");
  expect(of({ model: "m", contents: [] })).toBe("gemini");
  expect(of({ model: "m", messages }, { provider: "aws.bedrock" })).toBe(null);
  expect(of({ question: "a" })).toBe(null);
});

test("a call of which only messages were kept is a chat completion", () => {
  const request = requestOf(
    span({
      model: "m",
      system_instructions: [{ type: "text", content: "s" }],
      input_messages: [
        { role: "user", parts: [{ type: "text", content: "t" }] },
        { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "f", arguments: { a: 1 } }] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c", response: "r" }] },
      ],
      tools: [{ type: "function", name: "f", parameters: {} }],
      attributes: { "gen_ai.request.temperature": 0.5 },
    }),
  );
  expect(request).toEqual({
    dialect: "chat",
    isExact: false,
    body: {
      model: "m",
      temperature: 0.5,
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "t" },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
        },
        { role: "tool", tool_call_id: "c", content: "r" },
      ],
      tools: [{ type: "function", function: { name: "f", parameters: {} } }],
    },
  });
});

test("parameters of a group are shown one by one, and are read as they are typed", () => {
  const body = { model: "m", contents: [], generationConfig: { temperature: 0.2 }, safetySettings: [] };
  expect(parametersOf("gemini", body).map(({ name }) => name)).toEqual([
    "generationConfig.temperature",
    "safetySettings",
  ]);
  expect(parameterPath("options.num_ctx")).toEqual(["options", "num_ctx"]);
  expect(parameterPath("a.b")).toEqual(["a.b"]);
  for (const value of ["high", "1", "true", 1, 0.5, null, true, { a: [1] }] as Json[])
    expect(untyped(typed(value))).toEqual(value);
  expect(untyped("1.0")).toEqual(new ExactNumber("1.0"));
  expect(typed(parseExact("1.0"))).toBe("1.0");
});

test("variables are found and filled in, and values are filled in no further", () => {
  const template = [{ role: "user", content: "{{ city }} and {{city}}, {{b}}, {x}, {{1}}" }];
  expect(variablesOf(template)).toEqual(["city", "b"]);
  expect(filled(template, { city: "{{b}}" })).toEqual([
    { role: "user", content: "{{b}} and {{b}}, {{b}}, {x}, {{1}}" },
  ]);
});

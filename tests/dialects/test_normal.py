"""Whatever arrives under the conventions' own keys has their form in the store, and nothing of it raises."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.test_dialects import sent, shown
from tests.dialects.test_spans import DIALECTS
from tracer import semconv
from tracer.dialects import translate

pytestmark = pytest.mark.no_store
SIDES = (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES)


def part(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


CALL = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}
RESULT = {"type": "tool_call_response", "id": "c1", "response": "21"}
ARRIVING: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "content": ([{"role": "assistant", "content": "It is 21"}], [message("assistant", part("It is 21"))]),
    "text": ("hi there", [message("user", part("hi there"))]),
    "broken JSON": ("{broken", [message("user", part("{broken"))]),
    "texts": (["hi", "you"], [message("user", part("hi")), message("user", part("you"))]),
    "no parts": ([{"role": "user", "parts": None}], [message("user")]),
    "parts that are text": ([{"role": "user", "parts": "hi"}], [message("user", part("hi"))]),
    "parts that are one part": ([{"role": "user", "parts": part("hi")}], [message("user", part("hi"))]),
    "a list for each prompt": ([[{"role": "user", "content": "hi"}]], [message("user", part("hi"))]),
    "one message": ({"role": "user", "content": "hi"}, [message("user", part("hi"))]),
    "a conversation": ({"messages": [{"role": "user", "content": "hi"}]}, [message("user", part("hi"))]),
    "Gemini": (
        [
            {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Let me look."}]},
            {"role": "model", "parts": [{"function_call": {"id": "c1", "name": "weather", "args": {"city": "Oslo"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "response": "21"}}]},
        ],
        [
            message("assistant", {"type": "reasoning", "content": "Hm."}, part("Let me look.")),
            message("assistant", CALL),
            message("tool", RESULT),
        ],
    ),
    "Bedrock": (
        [
            {"role": "user", "content": [{"text": "hi"}, {"image": {"format": "png", "source": {"bytes": "iVBO"}}}]},
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "x"}}},
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Oslo"}}},
                ],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "21"}]}}]},
        ],
        [
            message(
                "user", part("hi"), {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBO"}
            ),
            message("assistant", {"type": "reasoning", "content": "Hm."}, CALL),
            message("tool", {**RESULT, "response": [part("21")]}),
        ],
    ),
    "Bedrock's other blocks": (
        [
            {
                "role": "user",
                "content": [
                    {"guardContent": {"text": {"text": "guarded"}}},
                    {"cachePoint": {"type": "default"}},
                    {"document": {"format": "csv", "name": "towns", "source": {"bytes": "YSxi"}}},
                    {"document": {"format": "txt", "name": "note", "source": {"text": "Oslo"}}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"citationsContent": {"content": [{"text": "21"}], "citations": [{"title": "t"}]}}],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"json": {"degrees": 21}}]}}]},
        ],
        [
            message(
                "user",
                part("guarded"),
                {
                    "type": "blob",
                    "modality": "file",
                    "mime_type": "text/csv",
                    "content": "YSxi",
                    "filename": "towns",
                },
                {**part("Oslo"), "filename": "note"},
            ),
            message("assistant", {**part("21"), "annotations": [{"title": "t"}]}),
            message("tool", {**RESULT, "response": {"degrees": 21}}),
        ],
    ),
    "Anthropic": (
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "21"}]},
        ],
        [
            message("assistant", {"type": "reasoning", "content": "Hm."}, part("Let me look."), CALL),
            message("tool", RESULT),
        ],
    ),
    "LangChain": (
        [
            {"type": "human", "data": {"content": "hi", "type": "human"}},
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", "AIMessage"],
                "kwargs": {
                    "content": "",
                    "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}],
                    "response_metadata": {"finish_reason": "tool_calls"},
                },
            },
            {"type": "tool", "content": "21", "tool_call_id": "c1"},
        ],
        [
            message("user", part("hi")),
            {**message("assistant", CALL), "finish_reason": "tool_calls"},
            message("tool", RESULT),
        ],
    ),
    "Responses": (
        [
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "Hm."}], "content": None},
            {"type": "function_call", "id": "f1", "call_id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "21"},
        ],
        [
            message("user", part("hi")),
            message("assistant", {"type": "reasoning", "content": "Hm."}),
            message("assistant", CALL),
            message("tool", RESULT),
        ],
    ),
    "PydanticAI": (
        [
            {"role": "assistant", "parts": [{"type": "thinking", "content": "Hm."}]},
            {"role": "assistant", "parts": [{**CALL, "arguments": '{"city": "Oslo"}'}]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "name": "weather", "result": "21"}]},
        ],
        [
            message("assistant", {"type": "reasoning", "content": "Hm."}),
            message("assistant", CALL),
            message("tool", {**RESULT, "name": "weather"}),
        ],
    ),
    "Vercel": (
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": {"city": "Oslo"}}
                ],
            },
            {
                "role": "tool",
                "content": [{"type": "tool-result", "toolCallId": "c1", "output": {"type": "text", "value": "21"}}],
            },
        ],
        [message("assistant", CALL), message("tool", RESULT)],
    ),
    "a summary as JSON text": (
        [{"role": "assistant", "parts": [{"type": "reasoning", "content": '[{"text":"Hm.","type":"summary_text"}]'}]}],
        [message("assistant", {"type": "reasoning", "content": "Hm."})],
    ),
}


@pytest.mark.parametrize("name", ARRIVING)
def test_messages_of_any_shape_have_the_form_of_the_conventions(
    name: str, server_url: str, client: httpx.Client
) -> None:
    arriving, expected = ARRIVING[name]
    value = arriving if isinstance(arriving, str) else orjson.dumps(arriving).decode()
    sent(server_url, [{"name": "chat", "attributes": {semconv.INPUT_MESSAGES: value}}])

    [(_, span)] = shown(client)

    assert span["input_messages"] == expected


def test_system_tools_reasons_and_counts_of_any_shape(server_url: str, client: httpx.Client) -> None:
    attributes = {
        "gen_ai.system_instructions": "be kind",
        "gen_ai.tool.definitions": [
            '{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}'
        ],
        "gen_ai.response.finish_reasons": '["stop"]',
        "gen_ai.usage.input_tokens": "100",
        "gen_ai.input.messages": "[]",
        "gen_ai.output.messages": "done",
    }
    sent(server_url, [{"name": "chat", "attributes": attributes}])

    [(trace, span)] = shown(client)

    assert span["system_instructions"] == [part("be kind")]
    assert span["tools"] == [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
    assert span["attributes"]["gen_ai.response.finish_reasons"] == ["stop"]
    assert span["usage"]["input_tokens"] == 100
    assert span["output_messages"] == [message("assistant", part("done"))]
    assert (trace["request_preview"], trace["response_preview"]) == (None, "done")


def test_system_instructions_that_are_messages(server_url: str, client: httpx.Client) -> None:
    given = '[{"role": "system", "content": "be kind"}, {"text": "and brief"}]'
    sent(server_url, [{"name": "chat", "attributes": {"gen_ai.system_instructions": given}}])

    [(_, span)] = shown(client)

    assert span["system_instructions"] == [part("be kind"), part("and brief")]


def translated(key: str, value: Any) -> Any:
    record: Any = {"kind": "span", "trace_id": "1" * 32, "span_id": "2" * 16, "attributes": {key: value}, "start": 0}
    translate(record)
    return record.get("json", {}).get(key)


def test_messages_that_follow_the_conventions_are_left_as_they_are() -> None:
    messages = [message("user", part("hi")), message("assistant", CALL), message("tool", RESULT)]

    found = translated(semconv.INPUT_MESSAGES, messages)

    assert found == messages
    assert all(after is before for after, before in zip(found, messages))


WORDS = st.sampled_from([
    "role", "content", "parts", "type", "text", "message", "messages", "tool_calls", "function", "name", "arguments",
    "id", "lc", "kwargs", "data", "image", "source", "toolUse", "toolResult", "reasoningContent", "response", "result",
    "functionCall", "inlineData", "output", "summary", "thinking", "additional_kwargs", "response_metadata",
])  # fmt: skip
VALUES = st.sampled_from([
    "text", "user", "assistant", "tool", "human", "tool_call", "tool_use", "tool_result", "image", "document", "file",
    "reasoning", "thinking", "json", "input_audio", "refusal", "function_call_output", "[{\"text\": 1}]", "{", "",
])  # fmt: skip
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@given(SHAPES, st.sampled_from(SIDES), st.booleans())
def test_no_shape_breaks_the_form_of_messages(shape: Any, key: str, as_text: bool) -> None:
    found = translated(key, orjson.dumps(shape).decode() if as_text else shape)

    assert found is None or (isinstance(found, list) and found)
    for each in found or ():
        assert isinstance(each["role"], str)
        assert each["role"]
        assert isinstance(each["parts"], list)
        assert all(isinstance(inner, dict) and isinstance(inner["type"], str) for inner in each["parts"])
        texts = [inner["content"] for inner in each["parts"] if inner["type"] in ("text", "reasoning")]
        assert all(isinstance(text, str) for text in texts)


@given(SHAPES, st.booleans())
def test_no_shape_breaks_system_instructions(shape: Any, as_text: bool) -> None:
    found = translated(semconv.SYSTEM_INSTRUCTIONS, orjson.dumps(shape).decode() if as_text else shape)

    assert all(isinstance(inner, dict) and isinstance(inner["type"], str) for inner in found or ())


def test_messages_nested_without_end_do_not_raise() -> None:
    nested: Any = "deep"
    for _ in range(3000):
        nested = {"type": "tool_result", "content": [nested, {"type": "text", "text": "x"}]}

    assert translated(semconv.INPUT_MESSAGES, [{"role": "user", "content": nested}]) is None


SENT = [case for cases in DIALECTS.values() for case in cases.values()]
KEYS = st.sampled_from(sorted({key for case in SENT for key in case.attributes}))
EVENTS = st.sampled_from(sorted({(name, key) for case in SENT for name, given in case.events for key in given}))
PRIMITIVES = st.text(max_size=5) | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | st.lists(st.text())
ARRIVED = PRIMITIVES | SHAPES.map(lambda shape: orjson.dumps(shape).decode()) | SHAPES
NAMES = st.sampled_from(["call_llm", "function_tool", "llm_request", "ai.toolCall", "agent run", "span", ""])
SCOPES = st.sampled_from(["gcp.vertex.agent", "strands.telemetry", "com.anthropic.claude_code", "livekit-agents", ""])


@given(
    st.dictionaries(KEYS, ARRIVED, min_size=1, max_size=6),
    st.lists(st.tuples(EVENTS, ARRIVED), max_size=2),
    NAMES,
    SCOPES,
)
def test_no_value_breaks_a_dialect(
    attributes: dict[str, Any], events: list[tuple[tuple[str, str], Any]], name: str, scope: str
) -> None:
    record: Any = {
        "kind": "span",
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": name,
        "scope": scope,
        "start": 1,
        "attributes": attributes,
        "events": [{"name": event, "time": 2, "attributes": {key: value}} for (event, key), value in events],
    }

    about_trace = translate(record)  # whatever a dialect raises is raised in tests

    for found in (record, about_trace or {}):
        orjson.dumps(found)
    for side in SIDES:
        for message in record.get("json", {}).get(side, ()):
            assert isinstance(message["role"], str)
            assert all(isinstance(part["type"], str) for part in message["parts"])
    assert all(isinstance(value, str) for key in ("session_id", "user") for value in [(about_trace or {}).get(key, "")])

"""Conversations and tools by hand: dicts, objects of providers, any mapping, and shapes that nobody knows."""

from __future__ import annotations

import base64
import dataclasses
import json
import types
from typing import Any

import pydantic
import pytest

import tracer
from tracer import set_span_chat_messages, set_span_chat_tools
from tracer.messages import to_messages, to_tools


@pytest.fixture
def span() -> Any:
    with tracer.start_span("chat") as span:
        yield span


def recorded(span: Any, side: str = "input") -> Any:
    return json.loads(span.attributes[f"gen_ai.{side}.messages"])


class Function(pydantic.BaseModel):
    name: str
    arguments: dict[str, Any]


class ToolCall(pydantic.BaseModel):
    function: Function


class PydanticMessage(pydantic.BaseModel):
    role: str
    content: str | None = None
    tool_calls: list[ToolCall] | None = None


@dataclasses.dataclass
class DataclassMessage:
    role: str
    content: str


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Hello"},
        PydanticMessage(role="user", content="Hello"),
        DataclassMessage("user", "Hello"),
        types.MappingProxyType({"role": "user", "content": "Hello"}),
        {"role": "user", "parts": [{"type": "text", "content": "Hello"}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        "Hello",
    ],
    ids=["dict", "pydantic", "dataclass", "mapping", "convention", "parts", "text"],
)
def test_one_message_in_many_shapes(message: Any, span: Any) -> None:
    set_span_chat_messages(span, [message])

    assert recorded(span) == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]


def test_tool_calls_of_objects(span: Any) -> None:
    call = ToolCall(function=Function(name="f", arguments={"a": 1}))

    set_span_chat_messages(
        span, [PydanticMessage(role="assistant", tool_calls=[call]), {"role": "assistant", "tool_calls": [call]}]
    )

    message = {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}
    assert recorded(span) == [message, message]


def test_appended_messages_are_the_output(span: Any) -> None:
    set_span_chat_messages(span, [{"role": "user", "content": "a"}])
    set_span_chat_messages(span, [{"role": "assistant", "content": "b"}], append=True)
    set_span_chat_messages(span, {"role": "assistant", "content": "c"}, append=True)

    assert [message["parts"][0]["content"] for message in recorded(span)] == ["a"]
    assert [message["parts"][0]["content"] for message in recorded(span, "output")] == ["b", "c"]


class Opaque:
    def __repr__(self) -> str:
        raise RuntimeError("no")


CIRCULAR: dict[str, Any] = {"role": "user"}
CIRCULAR["content"] = [CIRCULAR]


@pytest.mark.parametrize(
    "unknown",
    [
        None, 5, object(), Opaque(), [5], [None], [Opaque()], [[]], {"a": 1}, [{"a": 1}],
        [{"role": None, "content": 3}],
        [{"role": "user", "content": {"x": 1}}], [{"role": "user", "content": "\ud800"}], [CIRCULAR], iter("ab"),
        [{"role": "tool", "content": object()}], [{"role": "assistant", "tool_calls": 7}], {("a", 1): 2},
        [{"role": "user", "content": [{"type": "image_url", "image_url": None}, {"type": "file"}]}],
        [{"role": "user", "content": [{"type": "input_audio"}]}],
    ],
)  # fmt: skip
def test_a_shape_that_nobody_knows_is_kept_and_raises_nothing(unknown: Any, span: Any) -> None:
    set_span_chat_messages(span, unknown)
    set_span_chat_tools(span, unknown)

    json.loads(span.attributes.get("gen_ai.input.messages", "[]"))


def test_an_unknown_shape_is_kept_as_json(span: Any) -> None:
    set_span_chat_messages(span, [{"weather": "fine"}])

    assert recorded(span) == [{"role": "unknown", "parts": [{"type": "json", "content": {"weather": "fine"}}]}]


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FLAT = {"type": "function", "name": "look", "description": "The sky.", "parameters": SCHEMA}
FIELDS = {"name": "look", "description": "The sky."}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {**FIELDS, "parameters": SCHEMA}},
        {**FIELDS, "parameters": SCHEMA},
        FLAT,
        {**FIELDS, "input_schema": SCHEMA},
        {"functionDeclarations": [{**FIELDS, "parameters": SCHEMA}]},
        {"function_declarations": [{**FIELDS, "parameters_json_schema": SCHEMA}]},
        {"toolSpec": {**FIELDS, "inputSchema": {"json": SCHEMA}}},
    ],
    ids=["chat completions", "functions", "responses", "Anthropic", "Gemini", "Gemini's JSON schema", "Bedrock"],
)
def test_functions_of_every_provider_have_one_flat_form(tool: dict[str, Any]) -> None:
    assert to_tools([tool]) == [FLAT]


@pytest.mark.parametrize(
    ("tool", "recorded"),
    [
        ({"type": "web_search", "user_location": {"city": "Oslo"}}, None),
        ({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, None),
        ({"googleSearch": {}}, {"type": "googleSearch"}),
        ({"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}},
         {"type": "custom", "name": "sql", "format": {"type": "text"}}),
        ({"type": "function", "function": {"name": "f", "strict": True}},
         {"type": "function", "name": "f", "strict": True}),
    ],
)  # fmt: skip
def test_other_tools_and_fields_are_kept(tool: dict[str, Any], recorded: dict[str, Any] | None) -> None:
    assert to_tools([tool]) == [recorded or tool]


def test_a_single_tool_is_a_list_of_one(span: Any) -> None:
    set_span_chat_tools(span, Function(name="f", arguments={}))

    assert json.loads(span.attributes["gen_ai.tool.definitions"]) == [{"name": "f", "arguments": {}}]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
         {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"}),
        ({"type": "image_url", "image_url": "https://a.example/b.png"},
         {"type": "uri", "modality": "image", "uri": "https://a.example/b.png"}),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
         {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "QUJD"}),
        ({"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
         {"type": "file", "modality": "file", "file_id": "f1", "filename": "a.pdf"}),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
         {"type": "blob", "modality": "file", "mime_type": "application/pdf", "content": "QUJD"}),
        ({"type": "input_file", "file_url": "https://a.example/b.pdf"},
         {"type": "uri", "modality": "file", "uri": "https://a.example/b.pdf"}),
        ({"type": "hologram", "x": 1}, {"type": "hologram", "x": 1}),
    ],
)  # fmt: skip
def test_parts_of_content(content: Any, part: Any) -> None:
    assert to_messages([{"role": "user", "content": [content]}]) == [{"role": "user", "parts": [part]}]


def test_ollamas_messages() -> None:
    ollama = pytest.importorskip("ollama")
    function = ollama.Message.ToolCall.Function(name="tip", arguments={"bill": 7})
    message = ollama.Message(
        role="assistant", content="Hm", thinking="so", tool_calls=[ollama.Message.ToolCall(function=function)]
    )

    assert to_messages([message]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "so"},
                {"type": "text", "content": "Hm"},
                {"type": "tool_call", "name": "tip", "arguments": {"bill": 7}},
            ],
        }
    ]


@pytest.mark.swallow_faults
def test_a_span_that_is_none_or_has_ended_is_no_reason_to_raise() -> None:
    with tracer.start_span("chat") as span:
        pass

    for target in (span, None):
        set_span_chat_messages(target, [{"role": "user", "content": "late"}])
        set_span_chat_tools(target, [])

    assert "gen_ai.input.messages" not in span.attributes


@pytest.mark.parametrize(
    ("beginning", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBP", "image/webp"),
    ],
)
def test_bare_images_are_known_by_their_first_bytes(beginning: bytes, mime: str, span: Any) -> None:
    small, large = (base64.b64encode(beginning + bytes(size)).decode() for size in (9, 3_000))

    set_span_chat_messages(span, [{"role": "user", "content": "?", "images": [small, large]}])
    span.set_inputs({"images": [small, large], "image": large})
    span.end()

    [stored] = tracer.get_trace(span.trace_id).data.spans
    [message] = json.loads(stored.attributes["gen_ai.input.messages"])
    assert message["parts"][1] == {"type": "blob", "modality": "image", "mime_type": mime, "content": small}
    assert message["parts"][2]["mime_type"] == mime
    reference = message["parts"][2]["content"]
    assert reference.startswith("tracer-attachment:")
    assert stored.inputs == {"images": [small, reference], "image": reference}


@pytest.mark.parametrize("function", ["set_span_chat_messages", "set_span_chat_tools"])
@pytest.mark.parametrize("no_span", [None, "a name", 5])
def test_what_is_no_span_gets_a_word_on_what_to_write(
    function: str, no_span: Any, caplog: pytest.LogCaptureFixture
) -> None:
    getattr(tracer, function)(no_span, [])

    assert f"tracer.{function} recorded nothing: got {no_span!r} as the span" in caplog.text
    assert "tracer.start_span" in caplog.text

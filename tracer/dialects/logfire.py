"""Logfire and PydanticAI: conversations as events in one attribute, ``pydantic_ai.all_messages``, ``logfire.msg``.

Source: the spans of logfire 5.4 and of pydantic-ai 2.68 in its formats 2 to 6; format 1 by its documentation.
"""

from __future__ import annotations

from typing import Any

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.bodies import put_call, put_usage
from tracer.dialects.dialect import Dialect
from tracer.dialects.normal import messages_of, tools_of
from tracer.dialects.reading import Reading, as_dict
from tracer.messages import Message, to_message
from tracer.semconv import SpanType

_FIXED_NAMES = ("agent run", "running tool", "running tools")
_CHOICE = "gen_ai.choice"
_KINDS = {semconv.TOOL_NAME: SpanType.TOOL, "agent_name": SpanType.AGENT, "tools": SpanType.CHAIN}


def read(reading: Reading) -> None:
    """Read the attributes of Logfire and PydanticAI."""
    _name(reading)
    _kind(reading)
    _conversation(reading)
    reading.put(semconv.INPUTS, reading.take_first("tool_arguments"))
    reading.put(semconv.OUTPUTS, reading.take_first("tool_response"))
    put_usage(reading, reading.get("gen_ai.usage.raw"))
    tools = as_dict(reading.take("model_request_parameters")).get("function_tools")
    if isinstance(tools, list):
        known = ("name", "description", "parameters_json_schema")
        reading.put(
            semconv.TOOL_DEFINITIONS,
            tools_of([{k: tool[k] for k in known if tool.get(k)} for tool in tools if isinstance(tool, dict)]),
        )
    tags = reading.take("logfire.tags")
    reading.tagged([tag for tag in tags if tag != "LLM"] if isinstance(tags, (list, tuple)) else None)


def _name(reading: Reading) -> None:
    """A template, such as ``Hello {name}``, is the name of every span made from it; its message says which."""
    message, template = reading.get("logfire.msg"), reading.attributes.get("logfire.msg_template")
    if isinstance(message, str) and message and (template == reading.name or reading.name in _FIXED_NAMES):
        reading.name = message


def _kind(reading: Reading) -> None:
    """PydanticAI's steps in formats without an operation."""
    if reading.scope != "pydantic-ai" or semconv.OPERATION in reading.attributes:
        return
    for key, kind in _KINDS.items():
        if key in reading.attributes:
            reading.is_a(kind)


def _conversation(reading: Reading) -> None:
    for key in ("events", "all_messages_events"):
        events = reading.get(key)
        if isinstance(events, list) and any(isinstance(event, dict) and "event.name" in event for event in events):
            reading.take(key)
            reading.all_messages(*_of_events(events))
    messages = messages_of(reading.take("pydantic_ai.all_messages"), "user")
    last = max((index for index, message in enumerate(messages) if message["role"] != "assistant"), default=-1)
    reading.all_messages(messages[: last + 1], messages[last + 1 :])
    reading.put(semconv.OUTPUTS, reading.take_first("final_result"))
    if messages:
        reading.put(semconv.INPUTS, _question(messages))
    request = as_dict(reading.get("request_data"))
    if any(name in request for name in ("messages", "input", "prompt")):
        reply = as_dict(reading.take("response_data"))
        streamed = reply.get("combined_chunk_content")
        put_call(reading, reading.take("request_data"), reply if streamed is None else streamed)


def _of_events(events: list[Any]) -> tuple[list[Message], list[Message]]:
    asked: list[Message] = []
    replied: list[Message] = []
    for event in map(as_dict, events):
        name = str(event.get("event.name"))
        if name == _CHOICE:
            inner = as_dict(event.get("message")) or {"content": event.get("message")}
            reason = event.get("finish_reason")
            replied.append(to_message(_without_nothing({"role": "assistant", **inner, "finish_reason": reason})))
        else:
            role = event.get("role") or name.removeprefix("gen_ai.").removesuffix(".message")
            fields = {"content": event.get("content"), "tool_calls": event.get("tool_calls")}
            message = {"role": role, **fields, "tool_call_id": event.get("id")}
            asked.append(to_message(_without_nothing(message)))
    if not replied:  # an agent's whole conversation, its reply last
        last = max((index for index, message in enumerate(asked) if message["role"] != "assistant"), default=-1)
        return asked[: last + 1], asked[last + 1 :]
    return asked, replied


def _without_nothing(message: JsonObject) -> JsonObject:
    return {key: value for key, value in message.items() if value is not None}


def _question(messages: list[Message]) -> str | None:
    """The text that the user wrote last."""
    for message in reversed(messages):
        texts = [part.get("content") for part in message["parts"] if part["type"] == "text"]
        if message["role"] == "user" and texts:
            return "\n".join(map(str, texts))
    return None


DIALECT = Dialect("logfire", frozenset({"logfire", "pydantic_ai"}), read)

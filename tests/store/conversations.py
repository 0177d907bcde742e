"""Conversations whose every turn is a trace that has the whole history along, as programs send them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from tests.store.records import SECOND, START, span
from tracer import semconv

_WORDS = (
    "value",
    "other",
    "good",
    "file",
    "method",
    "question",
    "result",
    "table",
    "order",
    "answer",
    "paper",
    "letter",
)
_SYSTEM = "You are a patient assistant who answers with care. " * 20
_TOOLS = [{"name": f"tool_{number}", "description": f"Looks up the {number}th thing. " * 8} for number in range(6)]

Messages = list[dict[str, Any]]
Inputs = Callable[[Messages], dict[str, Any]]


def prose(seed: str, count: int = 100) -> str:
    """Words that are the same for the same seed, and for no other."""
    chosen = random.Random(seed)
    return f"{seed}: " + " ".join(chosen.choices(_WORDS, k=count))


def openai_chat(messages: Messages) -> dict[str, Any]:
    """A body of OpenAI's, and the messages that are read from it."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": _SYSTEM}, *messages]}
    parts = [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in messages]
    tools = {semconv.TOOL_DEFINITIONS: _TOOLS}
    return {"json": {semconv.INPUTS: body, semconv.INPUT_MESSAGES: parts, **tools}}


def anthropic_messages(messages: Messages) -> dict[str, Any]:
    """A body of Anthropic's: the instructions apart, the last message cached."""
    blocks = [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in messages]
    blocks[-1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    return {"json": {semconv.INPUTS: {"system": _SYSTEM, "messages": blocks, "max_tokens": 100}}}


def gemini_contents(messages: Messages) -> dict[str, Any]:
    """A body of Gemini's."""
    contents = [{"role": m["role"], "parts": [{"text": m["content"]}]} for m in messages]
    return {"json": {semconv.INPUTS: {"contents": contents, "systemInstruction": {"parts": [{"text": _SYSTEM}]}}}}


def plain_history(messages: Messages) -> dict[str, Any]:
    """The arguments of a function that takes the history."""
    return {"json": {semconv.INPUTS: {"history": [[m["role"], m["content"]] for m in messages], "k": 3}}}


def text_attribute(messages: Messages) -> dict[str, Any]:
    """An attribute as other instrumentations write it: JSON in a string."""
    return {"attributes": {semconv.INPUT_MESSAGES: orjson.dumps(messages).decode()}}


def turn(name: str, number: int, inputs: Inputs = openai_chat) -> bytes:
    """The span of a turn: its trace is called after the conversation and the turn."""
    messages = []
    for earlier in range(number + 1):
        messages += [
            {"role": "user", "content": prose(f"{name}q{earlier}", 25)},
            {"role": "assistant", "content": prose(f"{name}a{earlier}")},
        ]
    fields = inputs(messages[:-1])
    fields["json"] = {**fields.get("json", {}), semconv.OUTPUTS: messages[-1]["content"]}
    start = START + number * SECOND
    return span(f"{name}-{number}", "s", start=start, end=start + SECOND, type="CHAT_MODEL", **fields)


def turns(name: str, count: int, inputs: Inputs = openai_chat) -> list[bytes]:
    """The spans of a conversation."""
    return [turn(name, number, inputs) for number in range(count)]

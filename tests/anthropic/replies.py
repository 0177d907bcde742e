"""Small replies in Anthropic's formats, made for these tests."""

from __future__ import annotations

from typing import Any

QUESTION = [{"role": "user", "content": "What is the capital of Peru?"}]
TOOLS = [{"name": "weather", "description": "Now.", "input_schema": {"type": "object", "properties": {}}}]
USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    "output_tokens": 9,
}
TEXT = {"type": "text", "text": "Lima."}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lima"}}
THINKING = {"type": "thinking", "thinking": "Peru, so Lima.", "signature": "c2ln"}


def message(*content: dict[str, Any], stop: str | None = "end_turn", **extra: Any) -> dict[str, Any]:
    """A message of the model; without blocks, one with the text "Lima."."""
    envelope = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test-2026"}
    return {
        **envelope,
        "content": list(content or (TEXT,)),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **extra,
    }


def started() -> dict[str, Any]:
    usage = {**USAGE, "output_tokens": 1}
    return {"type": "message_start", "message": {**message(stop=None), "content": [], "usage": usage}}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a content block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_deltas(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "text_delta", "text": piece} for piece in pieces]


def json_deltas(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def ended(stop: str = "end_turn") -> list[dict[str, Any]]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]


def lima() -> list[dict[str, Any]]:
    """The events of "Lima."."""
    return [started(), *block(0, {"type": "text", "text": ""}, *text_deltas("Li", "ma", ".")), *ended()]


def failure(kind: str = "overloaded_error", text: str = "Overloaded") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": text}}

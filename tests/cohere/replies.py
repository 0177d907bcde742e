"""Small replies in Cohere's formats, made for these tests."""

from __future__ import annotations

import json
from typing import Any

from tests.openai.server import Scripted

QUESTION = [{"role": "user", "content": "What is the capital of Peru?"}]
USAGE = {
    "billed_units": {"input_tokens": 7, "output_tokens": 2},
    "tokens": {"input_tokens": 507, "output_tokens": 4},
    "cached_tokens": 3,
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
CITATION = {"start": 0, "end": 4, "text": "Lima", "sources": [{"type": "document", "id": "doc:0"}]}


def chat(message: dict[str, Any] | None = None, finish: str = "COMPLETE") -> dict[str, Any]:
    """A message; without one, the text "Lima."."""
    said = message or {"role": "assistant", "content": [{"type": "text", "text": "Lima."}]}
    return {"id": "r1", "message": said, "finish_reason": finish, "usage": USAGE}


def event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    """An event of a streamed message."""
    place = {} if index is None else {"index": index}
    return {"type": kind, **place, "delta": {"message": message}}


def text(piece: str) -> dict[str, Any]:
    return event("content-delta", 0, content={"text": piece})


def lima() -> list[dict[str, Any]]:
    """The events of "Lima.", the first text of which is the third."""
    return [
        {"type": "message-start", "id": "r1", "delta": {"message": {"role": "assistant", "content": []}}},
        event("content-start", 0, content={"type": "text", "text": ""}),
        text("Li"),
        text("ma"),
        text("."),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
    ]


FIRST_META = {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 7.0, "output_tokens": 2.0}}


def first_chat(**more: Any) -> dict[str, Any]:
    """A reply of version 1 of the API."""
    envelope = {"response_id": "r1", "generation_id": "g1", "finish_reason": "COMPLETE", "meta": FIRST_META}
    return {**envelope, "text": "Lima.", "chat_history": [], **more}


def lines(*events: Any, content_type: str = "application/stream+json", ended: bool = True) -> Scripted:
    """A stream of version 1: a line of JSON for each event."""
    steps = [json.dumps(each).encode() + b"\n" for each in events]
    if not ended:
        steps[-1] = steps[-1].rstrip()
    return Scripted(steps, content_type=content_type, is_stream=True)

"""Answers of an Ollama server, as its documentation describes them."""

from __future__ import annotations

import json
from typing import Any

from tests.openai.server import Asked, Break, Scripted, reply

QUESTION = [{"role": "user", "content": "Capital of Peru?"}]
AT = {"model": "llama3.2", "created_at": "2026-01-01T00:00:00Z"}
NUMBERS = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 2_500_000_000,
    "load_duration": 1_500_000_000,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 250_000_000,
    "eval_count": 3,
    "eval_duration": 500_000_000,
}
TIMES = {
    "tracer.server.total_time": 2.5,
    "tracer.server.load_time": 1.5,
    "tracer.server.prompt_time": 0.25,
    "tracer.server.generation_time": 0.5,
}


def said(content: Any = "Lima.", **others: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **others}


def chat(message: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    return {**AT, "message": message or said(), **NUMBERS, **others}


def generated(text: str = "Lima.", **others: Any) -> dict[str, Any]:
    return {**AT, "response": text, **NUMBERS, **others}


def piece(content: Any = "", **others: Any) -> dict[str, Any]:
    return {**AT, "message": said(content, **others), "done": False}


def last(**others: Any) -> dict[str, Any]:
    return {**AT, "message": said(""), **NUMBERS, **others}


def lima() -> list[dict[str, Any]]:
    return [piece("Li"), piece("ma"), piece("."), last()]


def ndjson(*chunks: Any) -> Scripted:
    """A stream of one JSON document a line; BREAK and events are obeyed."""
    steps = [json.dumps(chunk).encode() + b"\n" if isinstance(chunk, dict) else chunk for chunk in chunks]
    assert all(isinstance(step, bytes | Break) or hasattr(step, "wait") for step in steps)
    return Scripted(steps, content_type="application/x-ndjson", is_stream=True)


def answer(asked: Asked) -> Scripted:
    """Answers by the path of a request, like a server with a model."""
    body, operation = asked.json, asked.path.rpartition("/")[2]
    if body["model"] == "no-such-model":
        return reply({"error": "model 'no-such-model' not found"}, status=404)
    if operation == "generate":
        return reply(generated())
    if body.get("stream"):
        return ndjson(*lima())
    tools = body.get("tools") if body["messages"][-1]["role"] == "user" else None
    if tools:
        call = {"function": {"name": tools[0]["function"]["name"], "arguments": {"city": "Lisbon"}}}
        return reply(chat(said("", tool_calls=[call])))
    return reply(chat())

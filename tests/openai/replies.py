"""Small replies in OpenAI's formats, made for these tests."""

from __future__ import annotations

from typing import Any

QUESTION = [{"role": "user", "content": "What is the capital of Peru?"}]
USAGE = {
    "prompt_tokens": 14,
    "completion_tokens": 9,
    "total_tokens": 23,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def chat(*messages: dict[str, Any], finish: str = "stop", **extra: Any) -> dict[str, Any]:
    """A chat completion; without messages, one choice with the text "Lima."."""
    given = messages or ({"role": "assistant", "content": "Lima."},)
    choices = [{"index": i, "message": message, "finish_reason": finish} for i, message in enumerate(given)]
    envelope = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "gpt-test-2026"}
    return {**envelope, "choices": choices, "usage": USAGE, **extra}


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def chunk(*choices: Any, **extra: Any) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "gpt-test-2026",
    }
    return {**envelope, "choices": list(choices), **extra}


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A choice of a chunk."""
    return {"index": index, "delta": fields, "finish_reason": finish}


def lima(*, usage: bool = True) -> list[dict[str, Any]]:
    """The chunks of "Lima.": five, or six with usage."""
    chunks = [
        chunk(delta(role="assistant", content="")),
        chunk(delta(content="Li")),
        chunk(delta(content="ma")),
        chunk(delta(content=".")),
        chunk(delta(finish="stop")),
    ]
    return [*chunks, chunk(usage=USAGE)] if usage else chunks


RESPONSE_USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 6,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 17,
}


def message_item(text: str = "Lima.", **extra: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part], **extra}


def response(*items: dict[str, Any], status: str = "completed", **extra: Any) -> dict[str, Any]:
    """A response of the Responses API; without items, one message with the text "Lima."."""
    envelope = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_760_000_000,
        "model": "gpt-test-2026",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "output": list(items or (message_item(),)),
        "usage": RESPONSE_USAGE,
    }
    return {**envelope, **extra}


def response_events(*, last: str = "response.completed", final: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The events of a streamed response with the text "Lima."."""
    begun = response(status="in_progress", output=[], usage=None)
    part = {"type": "output_text", "text": "", "annotations": []}
    item = {**message_item(), "status": "in_progress", "content": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "Li"},
        {"type": "response.output_text.delta", **place, "delta": "ma."},
        {"type": "response.output_text.done", **place, "text": "Lima."},
        {"type": "response.content_part.done", **place, "part": {**part, "text": "Lima."}},
        {"type": "response.output_item.done", "output_index": 0, "item": message_item()},
        {"type": last, "response": final or response()},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def embedding(vectors: list[Any], **extra: Any) -> dict[str, Any]:
    entries = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "model": "embed-test", "data": entries, "usage": usage, **extra}


def completion(*texts: str, **extra: Any) -> dict[str, Any]:
    choices = [
        {"index": i, "text": text, "finish_reason": "stop", "logprobs": None}
        for i, text in enumerate(texts or ("Lima.",))
    ]
    envelope = {"id": "cmpl-1", "object": "text_completion", "created": 1_760_000_000, "model": "text-test"}
    return {
        **envelope,
        "choices": choices,
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        **extra,
    }


def error(message: str = "No such model.", code: str = "model_not_found") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}

"""What the stand-in of Claude Code says, in the form of its messages."""

from __future__ import annotations

from typing import Any

SESSION = "5f0c2f9e-0000-4000-8000-000000000001"
MODEL = "claude-sonnet-4-5-20250929"
USAGE = {
    "input_tokens": 4,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 12,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
    "service_tier": "standard",
}

Step = dict[str, Any]


def says(message: dict[str, Any]) -> Step:
    return {"say": {**message, "session_id": SESSION, "uuid": "00000000-0000-4000-8000-000000000000"}}


def waits(word: str = "user") -> Step:
    return {"wait": word}


def init(**extra: Any) -> Step:
    about = {"cwd": "/work", "tools": ["Task", "Bash", "Read"], "mcp_servers": [], "model": MODEL}
    return says({"type": "system", "subtype": "init", "claude_code_version": "2.1.300", **about, **extra})


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


def thinking(content: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": content, "signature": "c2lnbmF0dXJl"}


def uses(tool_id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_id, "name": name, "input": given}


def assistant(
    *blocks: dict[str, Any],
    id: str = "msg_1",
    model: str = MODEL,
    parent: str | None = None,
    stop: str | None = None,
    usage: dict[str, Any] | None = None,
    **extra: Any,
) -> Step:
    message = {
        "id": id, "type": "message", "role": "assistant", "model": model, "content": list(blocks),
        "stop_reason": stop, "stop_sequence": None, "usage": USAGE if usage is None else usage,
    }  # fmt: skip
    return says({"type": "assistant", "message": message, "parent_tool_use_id": parent, **extra})


def got(tool_id: str, content: Any, *, is_error: bool | None = None, parent: str | None = None, **extra: Any) -> Step:
    block = {"type": "tool_result", "tool_use_id": tool_id, "content": content}
    if is_error is not None:
        block["is_error"] = is_error
    message = {"role": "user", "content": [block]}
    return says({"type": "user", "message": message, "parent_tool_use_id": parent, **extra})


def event(kind: str, parent: str | None = None, **fields: Any) -> Step:
    return says({"type": "stream_event", "event": {"type": kind, **fields}, "parent_tool_use_id": parent})


def streamed(*pieces: str, id: str = "msg_1", usage: dict[str, Any] | None = None) -> list[Step]:
    """The events of a message up to its text, without the assistant message and the end."""
    message = {
        "id": id, "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": None,
        "usage": {**(usage or USAGE), "output_tokens": 1},
    }  # fmt: skip
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block=text("")),
        *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece}) for piece in pieces),
    ]


def stream_ends(output_tokens: int = 12, reason: str = "end_turn") -> list[Step]:
    return [
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": output_tokens}),
        event("message_stop"),
    ]


def counted(*, input: int = 4, read: int = 1000, written: int = 100, output: int = 12, cost: float = 0.02) -> Step:
    """The counts of a model in a result."""
    return {
        "inputTokens": input, "cacheReadInputTokens": read, "cacheCreationInputTokens": written,
        "outputTokens": output, "webSearchRequests": 0, "costUSD": cost, "contextWindow": 200_000,
    }  # fmt: skip


def result(
    outcome: str | None = "Lima.",
    *,
    cost: float | None = 0.02,
    models: dict[str, Any] | None = None,
    subtype: str = "success",
    is_error: bool = False,
    **extra: Any,
) -> Step:
    about = {
        "duration_ms": 20, "duration_api_ms": 10, "num_turns": 1, "total_cost_usd": cost, "usage": USAGE,
        "permission_denials": [], "modelUsage": {MODEL: counted()} if models is None else models,
    }  # fmt: skip
    if outcome is not None:
        about["result"] = outcome
    return says({"type": "result", "subtype": subtype, "is_error": is_error, **about, **extra})


LIMA = [waits(), init(), assistant(text("Lima.")), result()]

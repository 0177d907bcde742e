"""The whole completion that streamed chunks come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def completion_of(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Chunks of the chat schema, put together."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        whole.update({key: value for key, value in chunk.items() if key not in ("choices", "object")})
        for choice in chunk.get("choices") or ():
            _add(choices.setdefault(choice.get("index") or 0, {"message": {}}), choice)
    ordered = [{"index": index, **choices[index]} for index in sorted(choices)]
    return {"object": "chat.completion", **whole, "choices": ordered}


def _add(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    if choice.get("finish_reason"):
        whole["finish_reason"] = choice["finish_reason"]
    message = whole["message"]
    for key, value in (choice.get("delta") or {}).items():
        if key == "tool_calls":
            for piece in value or ():
                _add_call(message.setdefault("tool_calls", []), piece)
        elif key in ("content", "refusal", "reasoning_content") and isinstance(value, str):
            message[key] = message.get(key, "") + value
        elif value is not None:
            message[key] = value


def _add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    index = piece.get("index") or 0
    while len(calls) <= min(index, 1000):
        calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[min(index, 1000)]
    call.update({key: piece[key] for key in ("id", "type") if piece.get(key)})
    for key in ("name", "arguments"):
        call["function"][key] += (piece.get("function") or {}).get(key) or ""

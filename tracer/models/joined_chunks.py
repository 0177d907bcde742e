"""Streamed chunks joined to a completion, and a completion split into chunks."""

from __future__ import annotations

from collections.abc import Iterable

from tracer._json import JsonObject


def completion_of(chunks: Iterable[JsonObject]) -> JsonObject:
    """The completion that chunks of the chat schema make up."""
    whole: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    for chunk in chunks:
        whole.update({key: value for key, value in chunk.items() if key not in ("choices", "object")})
        for choice in chunk.get("choices") or ():
            _add(choices.setdefault(choice.get("index") or 0, {"message": {}}), choice)
    ordered = [{"index": index, **choices[index]} for index in sorted(choices)]
    return {"object": "chat.completion", **whole, "choices": ordered}


def _add(whole: JsonObject, choice: JsonObject) -> None:
    if choice.get("finish_reason"):
        whole["finish_reason"] = choice["finish_reason"]
    for token in (choice.get("logprobs") or {}).get("content") or ():
        whole.setdefault("logprobs", {"content": []})["content"].append(token)
    message = whole["message"]
    for key, value in (choice.get("delta") or {}).items():
        if key == "tool_calls":
            for piece in value or ():
                _add_call(message.setdefault("tool_calls", []), piece)
        elif key in ("content", "refusal", "reasoning_content") and isinstance(value, str):
            message[key] = message.get(key, "") + value
        elif value is not None:
            message[key] = value


def _add_call(calls: list[JsonObject], piece: JsonObject) -> None:
    index = piece.get("index") or 0
    while len(calls) <= min(index, 1000):
        calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[min(index, 1000)]
    call.update({key: piece[key] for key in ("id", "type") if piece.get(key)})
    for key in ("name", "arguments"):
        call["function"][key] += (piece.get("function") or {}).get(key) or ""


def chunks_of(completion: JsonObject) -> list[JsonObject]:
    """A completion as two chunks: the messages, and the reasons to finish."""
    head: JsonObject = {key: completion[key] for key in ("id", "model", "created") if key in completion}
    head["object"] = "chat.completion.chunk"
    messages, ends = [], []
    for choice in completion["choices"]:
        delta = {**choice["message"]}
        calls = delta.pop("tool_calls", None)
        if calls:
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
        logprobs = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
        messages.append({"index": choice["index"], "delta": delta, **logprobs})
        ends.append({"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]})
    rest: JsonObject = {key: completion[key] for key in ("usage", "custom_outputs") if key in completion}
    return [{**head, "choices": messages}, {**head, "choices": ends, **rest}]

"""Form of a streamed answer on the wire: chunks of the chat schema, or events of the Responses API."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Protocol

from tracer._json import JsonObject
from tracer.models.chat import ChatCompletionResponse
from tracer.models.joined_events import CompletedEvents
from tracer.models.serving_errors import RequestError

_HEAD_KEYS = {"id", "object", "created", "model", "choices"}


class Wire(Protocol):
    """The parts that are sent for a model's pieces."""

    def first(self) -> Iterable[object]:
        """Parts before the model's first piece."""
        ...

    def completed(self, piece: Any, /) -> Iterable[object]:
        """Parts for a piece."""
        ...

    def last(self) -> Iterable[object]:
        """Parts after the model's last piece."""
        ...

    def failed(self, error: RequestError) -> object:
        """The part that describes an error."""
        ...


class ChunkWire:
    """Completes a model's chunks as clients expect them: an id, a model, each role once, an end, usage if asked."""

    def __init__(self, model: str, *, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._usage: object = None
        self._head = {"id": ChatCompletionResponse.new_id(), "created": int(time.time()), "model": model}
        self._reasons: dict[int, str | None] = {}  # by choice: the reason to add at the end, None if the model gave one

    def first(self) -> list[object]:
        """Always empty: chunks of the chat schema need none before them."""
        return []

    def completed(self, chunk: Any) -> list[object]:
        """A chunk as it is sent, if it is."""
        if isinstance(chunk, str):  # of a PythonModel
            delta = {"role": "assistant", "content": chunk}
            chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
        if not isinstance(chunk, dict) or chunk.get("object") != "chat.completion.chunk":
            return [chunk]
        self._head = {**self._head, **{key: chunk[key] for key in ("id", "model") if chunk.get(key)}}
        for choice in chunk["choices"]:
            index = choice.get("index", 0)
            if index in self._reasons:
                choice["delta"].pop("role", None)  # clients concatenate repeated fields
            calls = choice["delta"].get("tool_calls")
            known = self._reasons.setdefault(index, "stop")
            self._reasons[index] = None if choice.get("finish_reason") else "tool_calls" if calls else known
            choice.setdefault("finish_reason", None)
        self._usage = chunk.get("usage") or self._usage
        chunk = {key: value for key, value in chunk.items() if key != "usage"}
        if not chunk["choices"] and chunk.keys() <= _HEAD_KEYS:
            return []
        return [self._whole(chunk)]

    def last(self) -> list[object]:
        """Reasons to finish that the model left out, and usage if it was asked for."""
        open_ones = [(index, reason) for index, reason in sorted(self._reasons.items()) if reason is not None]
        choices = [{"index": index, "delta": {}, "finish_reason": reason} for index, reason in open_ones]
        end: list[object] = [self._whole({"choices": choices})] if choices else []
        if self._with_usage and self._usage is not None:
            end.append({**self._whole({"choices": []}), "usage": self._usage})
        return end

    def _whole(self, chunk: JsonObject) -> JsonObject:
        usage = {"usage": None} if self._with_usage else {}
        return {"object": "chat.completion.chunk", **chunk, **usage, **self._head}

    def failed(self, error: RequestError) -> object:
        """OpenAI's error object."""
        return error.body


class EventWire(CompletedEvents):
    """Events of the Responses API."""

    def failed(self, error: RequestError) -> object:
        """An error event, with the object that makes OpenAI's package raise."""
        told = {key: error.body["error"][key] for key in ("code", "message", "param")}
        return self.numbered({"type": "error", **told, **error.body})

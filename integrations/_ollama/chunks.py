"""Accumulators of streamed replies.

Source: the streams of POST /api/chat and /api/generate in Ollama's docs/api.md.
"""

from __future__ import annotations

from tracer._json import JsonObject

_JOINED = frozenset({"content", "thinking", "response"})
_CONTENT = frozenset({*_JOINED, "tool_calls", "images", "image"})


class FieldAccumulator:
    """Accumulates the fields of chunks: texts are joined, lists extended, other values replaced."""

    repeated = frozenset({"model"})

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[object]] = {}
        self._last: JsonObject = {}

    def add(self, chunk: JsonObject) -> bool:
        """Take a chunk; True if it carries content."""
        has_content = False
        for name, value in chunk.items():
            if value is None:
                continue
            if name in _JOINED and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, list):
                self._lists.setdefault(name, []).extend(value)
            elif name not in self.repeated or not self._last.get(name):  # the first model counts
                self._last[name] = value
            has_content = has_content or (name in _CONTENT and bool(value))
        return has_content

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        return {**self._last, **{name: "".join(pieces) for name, pieces in self._texts.items()}, **self._lists}

    def is_complete(self) -> bool | None:
        """Whether the last chunk, which is marked as done, has arrived; None where chunks have no such mark."""
        done = self._last.get("done")
        return None if done is None else bool(done)


class ChatAccumulator:
    """Accumulates a streamed chat reply: an envelope, and the message inside it."""

    repeated = FieldAccumulator.repeated

    def __init__(self) -> None:
        self._envelope = FieldAccumulator()
        self._message = FieldAccumulator()

    def add(self, chunk: JsonObject) -> bool:
        """Take a chunk; True if it carries content."""
        message = chunk.pop("message", None)
        self._envelope.add(chunk)
        return isinstance(message, dict) and self._message.add(message)

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        return {**self._envelope.reply(), "message": self._message.reply()}

    def is_complete(self) -> bool:
        """Whether the last chunk, which is marked as done, has arrived."""
        return bool(self._envelope.is_complete())

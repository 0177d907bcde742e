"""A span that is being read: the attributes that are left, and the fields that were understood."""

from __future__ import annotations

from typing import Any

import orjson

from tracer import semconv
from tracer._json import JsonObject
from tracer._records.record import EventRecord


class Reading:
    """The state of a dialect's work on one span."""

    def __init__(self, attributes: JsonObject, events: list[EventRecord], start: int = 0) -> None:
        self.attributes = attributes
        self.events = events
        self.start = start  # ns
        self.structured: JsonObject = {}
        self.span_type: str | None = None
        self.about_trace: JsonObject = {}

    def has(self, prefix: str) -> bool:
        """Whether an attribute begins so."""
        return any(key.startswith(prefix) for key in self.attributes)

    def take(self, key: str) -> Any:
        """The value of an attribute, which is understood from now on."""
        return self.attributes.pop(key, None)

    def rename(self, old: str, new: str) -> None:
        """Set an attribute under the name of the conventions, unless it is set."""
        if old in self.attributes:
            value = self.attributes.pop(old)
            self.attributes.setdefault(new, value)

    def put(self, key: str, value: object) -> None:
        """A structured value, unless the span has it."""
        if value not in (None, [], {}) and key not in self.structured:
            self.structured[key] = value

    def put_plain(self, key: str, value: object) -> None:
        """A plain value, unless the span has it."""
        if value is not None:
            self.attributes.setdefault(key, value)

    def is_a(self, span_type: str | None) -> None:
        """The kind of step; the first dialect that knows it decides."""
        self.span_type = self.span_type or span_type

    def belongs_to(self, *, session_id: object = None, user: object = None) -> None:
        """Fields of the whole trace."""
        for name, value in (("session_id", session_id), ("user", user)):
            if value not in (None, ""):
                self.about_trace.setdefault(name, str(value))

    def take_indexed(self, prefix: str) -> list[Any]:
        """The list in attributes such as ``prefix.0.message.role``, nested by the parts of their names."""
        found: JsonObject = {}
        for key in [key for key in self.attributes if key.startswith(f"{prefix}.")]:
            path = key[len(prefix) + 1 :].split(".")
            if path[0].isdigit():
                _put_at(found, path, self.attributes.pop(key))
        nested = _as_lists(found)
        return nested if isinstance(nested, list) else []

    def all_messages(self, inputs: object, outputs: object) -> None:
        """The two sides of a conversation."""
        self.put(semconv.INPUT_MESSAGES, inputs)
        self.put(semconv.OUTPUT_MESSAGES, outputs)


def _put_at(into: JsonObject, path: list[str], value: object) -> None:
    for name in path[:-1]:
        below = into.get(name)
        if not isinstance(below, dict):
            below = into[name] = {} if below is None else {"": below}
        into = below
    into[path[-1]] = value


def _as_lists(value: object) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_as_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _as_lists(item) for key, item in value.items()}


def parsed(value: object) -> Any:
    """The value of a JSON text; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value

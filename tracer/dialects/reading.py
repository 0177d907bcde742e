"""A span that is being read: the attributes that are left, and the fields that were understood."""

from __future__ import annotations

import itertools
from collections.abc import Container
from typing import TYPE_CHECKING, Any

import orjson

from tracer import semconv

if TYPE_CHECKING:
    from tracer._json import JsonMapping, JsonObject
    from tracer._records.record import EventRecord, SpanRecord

_NOTHING: tuple[object, ...] = (None, "", [], {})
# of attributes that are a list's items or parts of them
_MOST_INDEXED = 20_000
_DEEPEST = 32
_LONGEST_INDEX = 10
_CONVERSATION = (
    semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS,
)  # fmt: skip


class Reading:
    """Material of a dialect: a span's attributes and events, and the values that it has read from them."""

    def __init__(self, record: SpanRecord) -> None:
        self.attributes: JsonObject = record.get("attributes") or {}
        self.structured: JsonObject = record.get("json") or {}  # values that are no OpenTelemetry primitives
        for key in _CONVERSATION:
            if key in self.structured and self.structured[key] in _NOTHING:
                del self.structured[key]
        self.events: list[EventRecord] = record.get("events") or []
        self.start = record.get("start", 0)  # ns
        self.scope = record.get("scope", "")  # of the instrumentation
        self.is_root = not record.get("parent_id")
        self.name = record.get("name", "")
        self.span_type: str | None = None
        self.known_as: list[str] = []  # ids by which log records may name the span beside its own
        self.about_trace: JsonObject = {}

    def prefixes(self) -> set[str]:
        """The first words of the attributes' names."""
        return {key.partition(".")[0] for key in (*self.attributes, *self.structured)}

    def get(self, key: str) -> Any:
        """The value of an attribute, JSON text parsed; None if there is none."""
        value = self.attributes.get(key)
        return self.structured.get(key) if value is None else parsed(value)

    def take(self, key: str) -> Any:
        """The value of an attribute, which is understood from now on."""
        value = self.attributes.pop(key, None)
        return self.structured.pop(key, None) if value is None else value

    def take_first(self, *keys: str) -> Any:
        """The first of some attributes that has a value, JSON text parsed; all of them are understood from now on."""
        found = [parsed(self.take(key)) for key in keys]
        return next((value for value in found if value not in _NOTHING), None)

    def take_below(self, prefix: str) -> JsonObject:
        """The attributes below a prefix by the rest of their names, JSON text parsed; understood from now on."""
        keys = [key for key in (*self.attributes, *self.structured) if key.startswith(prefix)]
        return {key[len(prefix) :]: parsed(self.take(key)) for key in keys}

    def take_events(self, names: Container[str]) -> list[JsonObject]:
        """The attributes of the events of these names, which are understood from now on."""
        taken = [event.get("attributes") or {} for event in self.events if event.get("name") in names]
        self.events = [event for event in self.events if event.get("name") not in names]
        return taken

    def fold(self, names: Container[str]) -> None:
        """Make the attributes of the events of these names the span's own; attributes that the span has stay."""
        for attributes in self.take_events(names):
            for key, value in attributes.items():
                if not key.startswith("event.") and key != "body" and value is not None:
                    self.attributes.setdefault(key, value)

    def named(self, *ids: str) -> None:
        """Ids by which log records name the span, beside its own."""
        self.known_as += ids

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

    def put_text(self, key: str, value: object) -> None:
        """A plain text, unless the span has one, or this is none."""
        if isinstance(value, str) and value:
            self.attributes.setdefault(key, value)

    def is_a(self, span_type: str | None) -> None:
        """The kind of step; the first dialect that finds one decides."""
        self.span_type = self.span_type or span_type

    def belongs_to(self, *, session_id: object = None, user: object = None) -> None:
        """Session and user of the whole trace."""
        for name, value in (("session_id", session_id), ("user", user)):
            if value not in (None, ""):
                self.about_trace.setdefault(name, str(value))

    def tagged(self, tags: object) -> None:
        """Tags of the whole trace: a list of names, or one text with commas between them."""
        found = parsed(tags)
        listed = found.split(",") if isinstance(found, str) else found if isinstance(found, (list, tuple)) else ()
        named = {str(tag).strip(): "true" for tag in listed if str(tag).strip()}
        if named:
            self.about_trace["tags"] = {**named, **self.about_trace.get("tags", {})}

    def described(self, metadata: JsonMapping) -> None:
        """Metadata of the whole trace."""
        texts = {key: text_of(value) for key, value in metadata.items() if key and value is not None}
        if texts:
            self.about_trace["metadata"] = {**texts, **self.about_trace.get("metadata", {})}

    def cost(self, total: object, input_cost: object = None, output_cost: object = None) -> None:
        """The call's cost in USD by the instrumentation; 0 means that it is not known."""
        parts = [amount for amount in map(_amount, (input_cost, output_cost)) if amount is not None]
        whole = _amount(total)
        whole = sum(parts) if whole is None and parts else whole
        if whole:
            self.put_plain(semconv.COST_TOTAL, whole)
            self.put_plain(semconv.COST_INPUT, _amount(input_cost))
            self.put_plain(semconv.COST_OUTPUT, _amount(output_cost))

    def first_chunk_after(self, value: object, *, unit: float = 1.0) -> None:
        """The time from the start to the first chunk, in units of so many seconds."""
        time = _amount(value)
        if time is not None and time > 0:
            self.put_plain(semconv.TIME_TO_FIRST_CHUNK, time * unit)

    def take_indexed(self, prefix: str) -> list[Any]:
        """The list in attributes such as ``prefix.0.message.role``, nested by the parts of their names.

        Those that are more, or nested deeper, than any instrumentation sends stay as they are.
        """
        found: JsonObject = {}
        dotted = f"{prefix}."
        keys = (key for key in self.attributes if key.startswith(dotted))
        for key in list(itertools.islice(keys, _MOST_INDEXED)):
            path = key[len(dotted) :].split(".", _DEEPEST)
            if _is_index(path[0]) and len(path) <= _DEEPEST:
                _put_at(found, path, self.attributes.pop(key))
        nested = _as_lists(found)
        return nested if isinstance(nested, list) else []

    def all_messages(self, inputs: object, outputs: object) -> None:
        """The two sides of a conversation."""
        self.put(semconv.INPUT_MESSAGES, inputs)
        self.put(semconv.OUTPUT_MESSAGES, outputs)


def _is_index(name: str) -> bool:
    return name.isdecimal() and len(name) < _LONGEST_INDEX


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
    if value and all(map(_is_index, value)):
        return [_as_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _as_lists(item) for key, item in value.items()}


def _amount(value: object) -> float | None:
    """A number that is one, also where it was sent as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < float("inf") else None


def parsed(value: object) -> Any:
    """The value of a JSON text; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def text_of(value: object) -> str:
    """A value as text: JSON, unless it is one."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def as_dict(value: object) -> JsonObject:
    """A map, parsed where it is JSON text; empty for anything else."""
    found = parsed(value)
    return found if isinstance(found, dict) else {}

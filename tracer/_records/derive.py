"""Reads requests and replies from a span's record where it is stored, instead of in the user's call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tracer import semconv
from tracer._encoding.text import text_of
from tracer._fault import log_once, report
from tracer._json import JsonMapping, JsonObject, encode, is_primitive_list, loads
from tracer._late import load_registered
from tracer._records.line import has_reader
from tracer.messages import to_messages, to_tools

if TYPE_CHECKING:
    from tracer._records.record import ChunksRecord, EventRecord

_LONG = 1_000  # a list from here on is kept as JSON
_INT64 = 2**63


def record_of(line: bytes) -> JsonObject:
    """A record of the journal, its request and reply read. Raises ValueError."""
    record = loads(line)
    if isinstance(record, dict) and "reader" in record:
        derive(record)
    return record  # type: ignore[no-any-return]


def whole(line: bytes) -> bytes:
    """The line with request and reply read, for receivers that cannot read them."""
    return encode(record_of(line)) if has_reader(line) else line


def derive(record: JsonObject) -> None:
    """Add to a span's record the values of its request and its reply; never raises."""
    try:
        started = record.pop("started", None)
        if started:
            _add_started(record, started)
        chunks = record.pop("chunks", None)
        if chunks is not None:
            events = [*record.get("events", ()), *chunk_events(chunks, record["start"])]
            record["events"] = sorted(events, key=lambda event: event["time"])
        recorded_name = record["reader"]
        if not recorded_name:
            del record["reader"]
            return
        operation = _finder()(recorded_name)
        if operation is None:  # the name stays: a newer tracer, or one with more providers, may come by the record
            log_once(
                f"reader {recorded_name}",
                "tracer does not know how to read a call of kind %r, and keeps it as it is",
                recorded_name,
            )
            return
        del record["reader"]
        bodies = record.get("json", {})
        request, reply = bodies.get(semconv.INPUTS), bodies.get(semconv.OUTPUTS)
        span = _RecordSpan(record)
        set_request(span, operation.read_request(request))
        span.is_latest = True
        if reply is not None:
            set_reply(span, operation.read_reply(reply))
    except Exception as fault:
        report("reading a recorded call", fault)


def _add_started(record: JsonObject, started: JsonObject) -> None:
    """Add the fields that the start record has, and those of its values that have not changed."""
    attributes, values = record.get("attributes", {}), record.get("json", {})
    earlier, earlier_values = started.get("attributes", {}), started.get("json", {})
    record["attributes"] = {key: earlier[key] for key in earlier if key not in values} | attributes
    record["json"] = {key: earlier_values[key] for key in earlier_values if key not in attributes} | values
    for name, value in started.items():
        record.setdefault(name, value)


def chunk_events(chunks: ChunksRecord, start: int) -> list[EventRecord]:
    """One event for each chunk of a stream whose span began at ``start``."""
    times = [start + after for after in chunks["after"]]
    if "json" in chunks:
        return [
            {"name": semconv.CHUNK_EVENT, "time": time, "attributes": {semconv.CHUNK: chunk}}
            for time, chunk in zip(times, chunks["json"])
        ]
    if "bytes" in chunks:
        return [
            {"name": semconv.CHUNK_EVENT, "time": time, "attributes": {semconv.CHUNK_BYTES: size}}
            for time, size in zip(times, chunks["bytes"])
        ]
    return [{"name": semconv.CHUNK_EVENT, "time": time} for time in times]


@functools.cache
def _finder() -> Callable[[str], Any]:
    """The function that finds an operation by the name that a record has for it: providers are floors above."""
    find: Callable[[str], Any] = load_registered("find_operation")
    return find


class _Span(Protocol):
    """A span that is recorded now, or the record of one."""

    @property
    def captures_content(self) -> bool: ...
    def set_attribute(self, key: str, value: Any, /) -> object: ...
    def set_json(self, key: str, value: object, /) -> object: ...
    def set_status(self, status: str, message: str, /) -> object: ...


class _Request(Protocol):
    """A request that was read (tracer/provider/operation.py)."""

    @property
    def messages(self) -> object: ...
    @property
    def system(self) -> object: ...
    @property
    def tools(self) -> object: ...
    @property
    def output_schema(self) -> object: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...


class _Reply(Protocol):
    """A reply that was read (tracer/provider/operation.py)."""

    @property
    def model(self) -> str | None: ...
    @property
    def id(self) -> str | None: ...
    @property
    def messages(self) -> object: ...
    @property
    def finish_reasons(self) -> Sequence[str]: ...
    @property
    def usage(self) -> JsonMapping: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...
    @property
    def error_type(self) -> str | None: ...
    @property
    def error_message(self) -> str | None: ...
    @property
    def incomplete(self) -> str | None: ...


class _RecordSpan:
    """A span's record behind the methods of a span that `set_request` and `set_reply` call."""

    captures_content = True

    def __init__(self, record: JsonObject) -> None:
        self._record = record
        self._attributes = record.setdefault("attributes", {})
        self._json = record.setdefault("json", {})
        self.is_latest = False  # whether new values win over those of the record

    def set_attribute(self, key: str, value: object) -> None:
        if value is None or not (self.is_latest or self._is_new(key)):
            return
        if isinstance(value, (str, int, float)) or (
            isinstance(value, list) and len(value) < _LONG and is_primitive_list(value)
        ):
            self._attributes[key] = value
            self._json.pop(key, None)
        else:
            self.set_json(key, value)

    def set_json(self, key: str, value: object) -> None:
        if self.is_latest or self._is_new(key):
            self._json[key] = value
            self._attributes.pop(key, None)

    def set_status(self, status: str, message: object) -> None:
        self._record.update(status=status, message=text_of(message))

    def _is_new(self, key: str) -> bool:
        return key not in self._attributes and key not in self._json


def set_request(span: _Span, request: _Request) -> None:
    """Set the attributes of a request on a span, apart from its body."""
    for key, value in request.attributes.items():
        if key != semconv.REQUEST_STOP_SEQUENCES or span.captures_content:
            span.set_attribute(key, value)
    if request.messages is not None:
        span.set_json(semconv.INPUT_MESSAGES, to_messages(request.messages))
    if request.system:
        span.set_json(semconv.SYSTEM_INSTRUCTIONS, request.system)
    if request.tools:
        span.set_json(semconv.TOOL_DEFINITIONS, to_tools(request.tools))
    if request.output_schema:
        span.set_json(semconv.OUTPUT_SCHEMA, request.output_schema)


def set_reply(span: _Span, reply: _Reply) -> None:
    """Set the attributes of a reply on a span, apart from its body."""
    span.set_attribute(semconv.RESPONSE_MODEL, reply.model)
    span.set_attribute(semconv.RESPONSE_ID, reply.id)
    if reply.finish_reasons:
        span.set_attribute(semconv.RESPONSE_FINISH_REASONS, list(reply.finish_reasons))
    for name, tokens in reply.usage.items():
        # JSON and OpenTelemetry take no more; infinity and NaN fail the comparison too
        if type(tokens) in (int, float) and abs(tokens) < _INT64 and name in semconv.TOKEN_USAGE:
            span.set_attribute(semconv.TOKEN_USAGE[name], int(tokens))
    for key, value in reply.attributes.items():
        span.set_attribute(key, value)
    if reply.messages:
        span.set_json(semconv.OUTPUT_MESSAGES, to_messages(reply.messages))
    if reply.incomplete:
        span.set_attribute(semconv.INCOMPLETE, reply.incomplete)
    if reply.error_type:
        span.set_attribute(semconv.ERROR_TYPE, reply.error_type)
        span.set_status("ERROR", reply.error_message or reply.error_type)

"""Decodes the lines of a journal for the store: grouped by trace, each span beside its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tracer import _fault, semconv
from tracer._json import JsonObject, encode
from tracer._records.cost import cost_of
from tracer._records.derive import derive
from tracer._records.line import without_ended_starts
from tracer._records.usage import first_chunk_ns, token_usage
from tracer.store.shape import attachment_content, put_in_shape
from tracer.store.text import Previews, exception_type, previews

_INT64 = 2**63 - 1
_NESTED = 200  # levels that orjson can write; it reads more of them
_OF_NO_TRACE = ("attachment", "process", "model", "run", "experiment", "registered", "alias")
_OF_CALLS = frozenset(
    {
        semconv.REQUEST_MODEL,
        semconv.RESPONSE_MODEL,
        semconv.PROVIDER,
        semconv.TIME_TO_FIRST_CHUNK,
        semconv.COST_TOTAL,
        *semconv.TOKEN_USAGE.values(),
    }
)


@dataclass(slots=True)
class SpanFacts:
    """The narrow row of a span for listings, trees and roll-ups, without its payload."""

    span_id: str
    parent_id: str | None
    remote: bool
    name: str
    type: str
    status: str
    message: str | None
    start: int
    duration: int
    model: str | None = None
    request_model: str | None = None
    provider: str | None = None
    usage: dict[str, int] | None = None
    cost: tuple[float | None, float | None, float] | None = None  # input, output, total
    first_chunk: int | None = None  # ns after the start
    covered: int = 0  # marks of amounts that an ancestor carries too, or a cost below: topmost.py
    scope: str | None = None  # of a call of a model, where it is not tracer's own
    beside: str | None = None  # the span beside it that another instrumentation made of the same call: topmost.py
    exception: str | None = None  # type, of a failed span


@dataclass(slots=True)
class StartFacts:
    """A span that runs."""

    span_id: str
    parent_id: str | None
    remote: bool
    name: str
    type: str
    start: int
    owner: str | None
    model: str | None = None
    provider: str | None = None


@dataclass(slots=True)
class NewSpan:
    """An ended span as it arrives; its record is not kept, since so many objects keep the garbage collector busy."""

    facts: SpanFacts
    line: bytes
    previews: Previews | None = None  # of a span without a parent: of its trace, most likely


@dataclass(slots=True)
class NewStart:
    """A start record as it arrives; most spans end a moment later, and their start records are not read."""

    record: JsonObject
    owner: str | None
    line: bytes | None  # of a start record with values

    def facts(self) -> StartFacts:
        """Its fields."""
        record = self.record
        attributes = record.get("attributes") or {}
        return StartFacts(
            span_id=record["span_id"],
            parent_id=_text(record.get("parent_id")),
            remote=bool(record.get("remote_parent")),
            name=_text(record.get("name")) or "",
            type=_text(record.get("type")) or semconv.SpanType.UNKNOWN,
            start=_ns(record.get("start")),
            owner=self.owner,
            model=_text(attributes.get(semconv.RESPONSE_MODEL)) or _text(attributes.get(semconv.REQUEST_MODEL)),
            provider=_text(attributes.get(semconv.PROVIDER)),
        )


@dataclass(slots=True)
class DecodedTrace:
    """The records of one append about one trace."""

    trace_id: str
    owner: str | None = None
    spans: dict[str, NewSpan] = field(default_factory=dict)
    starts: dict[str, NewStart] = field(default_factory=dict)  # of spans that have not ended
    logs: list[JsonObject] = field(default_factory=list)  # of spans
    aliases: dict[str, str] = field(default_factory=dict)  # ids by which logs name spans, and the spans' own
    updates: list[JsonObject] = field(default_factory=list)
    assessments: list[JsonObject] = field(default_factory=list)

    def names(self) -> set[str]:
        """The ids by which log records may name its spans, and those by which its log records do."""
        return {*self.spans, *self.aliases, *(log["span_id"] for log in self.logs)}

    def has_more_than_spans(self) -> bool:
        """Whether there is more than ended spans."""
        return bool(self.starts or self.logs or self.aliases or self.updates or self.assessments)

    def has_more_than_logs(self) -> bool:
        """Whether there is more than log records about the trace."""
        return bool(self.spans or self.starts or self.updates or self.assessments)


@dataclass(slots=True)
class DecodedBatch:
    """One append, decoded."""

    traces: dict[str, DecodedTrace] = field(default_factory=dict)
    attachments: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # digest: media type, content
    processes: list[JsonObject] = field(default_factory=list)
    models: list[JsonObject] = field(default_factory=list)
    runs: list[JsonObject] = field(default_factory=list)
    experiments: list[JsonObject] = field(default_factory=list)
    registered: list[JsonObject] = field(default_factory=list)  # and aliases
    restored: set[str] = field(default_factory=set)  # traces that may come back after they were deleted

    def is_empty(self) -> bool:
        """Whether there is nothing to take in."""
        return not (self.traces or self.has_more_than_traces())

    def has_more_than_traces(self) -> bool:
        """Whether there are records that belong to no trace."""
        alone = (
            self.attachments, self.processes, self.models, self.runs, self.experiments, self.registered, self.restored,
        )  # fmt: skip
        return any(alone)


def decode(lines: Sequence[bytes], owner: str | None) -> DecodedBatch:
    """The records in these lines; a line that cannot be read is left out and logged once."""
    batch = DecodedBatch()
    named = owner
    for line in without_ended_starts(lines):
        try:
            record, line = _read(line)
            if owner is None and record.get("kind") == "process":
                named = _text(record.get("owner")) or named  # for the next records: a copy has traces of many owners
            _sort_in(batch, record, line, named)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            _fault.report("reading a record for the store", error)
    return batch


def _read(line: bytes) -> tuple[JsonObject, bytes]:
    record, line = parsed(line)
    if "reader" in record:
        derive(record)
        return _writable(record)
    if line.count(b"[") + line.count(b"{") > _NESTED:
        return _writable(record)
    return record, line.strip()


def parsed(line: bytes) -> tuple[JsonObject, bytes]:
    """The record in a line, and the line as it is kept. Raises ValueError and RecursionError."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson refuses NaN, Infinity and lone surrogates, which json.dumps writes
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        record = _storable(json.loads(text, parse_constant=str))
        line = orjson.dumps(record)
    if not isinstance(record, dict):
        raise ValueError("a record is a JSON object")
    return record, line


def _writable(record: JsonObject) -> tuple[JsonObject, bytes]:
    """A record that can be written as JSON, and that JSON."""
    try:
        return record, orjson.dumps(record)
    except TypeError:  # nested too deep, or a number too large: encode() takes both
        line = encode(record)
        return orjson.loads(line), line


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, int) and abs(value) > _INT64:
        return str(value)
    return value


def _sort_in(batch: DecodedBatch, record: JsonObject, line: bytes, owner: str | None) -> None:
    kind = record["kind"]
    is_changed = put_in_shape(record)
    if kind in _OF_NO_TRACE:
        _sort_in_alone(batch, record, kind)
        return
    trace_id = record["trace_id"]
    if not isinstance(trace_id, str) or not trace_id:
        raise ValueError(f"a record of kind {kind!r} without a trace id")
    if kind == "restore":
        batch.restored.add(trace_id)
        return
    if is_changed:
        line = orjson.dumps(record)
    if kind == "span":
        facts = span_facts(record)
        trace = _trace_of(batch, trace_id, owner)
        if facts.span_id not in trace.spans:
            trace.starts.pop(facts.span_id, None)
            trace.spans[facts.span_id] = new_span(facts, record, line)
            if "known_as" in record:
                trace.aliases.update(dict.fromkeys(record["known_as"], facts.span_id))
    elif kind == "log":
        _id(record["span_id"])
        _trace_of(batch, trace_id, owner).logs.append(record)
    elif kind == "start":
        _sort_in_start(_trace_of(batch, trace_id, owner), record, line, owner)
    elif kind == "trace":
        _trace_of(batch, trace_id, owner).updates.append(record)
    elif kind == "assessment":
        _require(record, "id", "name")
        _trace_of(batch, trace_id, owner).assessments.append(record)
    else:
        raise ValueError(f"a record of kind {kind!r}")


def new_span(facts: SpanFacts, record: JsonObject, line: bytes) -> NewSpan:
    """An ended span of these facts."""
    return NewSpan(facts, line, None if facts.parent_id else previews(record))


def _sort_in_start(trace: DecodedTrace, record: JsonObject, line: bytes, owner: str | None) -> None:
    span_id = _id(record["span_id"])
    known = trace.starts.get(span_id)
    has_values = "json" in record or "attributes" in record
    if span_id in trace.spans or (known is not None and (known.line is not None or not has_values)):
        return
    trace.starts[span_id] = NewStart(record, owner, line if has_values else None)


def _sort_in_alone(batch: DecodedBatch, record: JsonObject, kind: str) -> None:
    if kind == "attachment":
        mime = _text(record.get("mime")) or "application/octet-stream"
        batch.attachments.setdefault(record["id"], (mime, attachment_content(record)))
    elif kind == "process":
        batch.processes.append(record)
    elif kind in ("registered", "alias"):
        _require(record, "of", "name", *(("id",) if kind == "registered" else ("alias",)))
        batch.registered.append(record)
    elif kind == "experiment":
        _require(record, "name")
        batch.experiments.append(record)
    else:
        _require(record, f"{kind}_id")
        (batch.models if kind == "model" else batch.runs).append(record)


def _trace_of(batch: DecodedBatch, trace_id: str, owner: str | None) -> DecodedTrace:
    trace = batch.traces.get(trace_id)
    if trace is None:
        trace = batch.traces[trace_id] = DecodedTrace(trace_id, owner)
    return trace


def span_facts(record: JsonObject) -> SpanFacts:
    """The facts of a record that is in shape."""
    start = record.get("start", 0)
    facts = SpanFacts(
        span_id=_id(record["span_id"]),
        parent_id=record.get("parent_id") or None,
        remote=bool(record.get("remote_parent")),
        name=record.get("name", ""),
        type=record.get("type") or semconv.SpanType.UNKNOWN,
        status=_status(record.get("status")),
        message=record.get("message") or None,
        start=start,
        duration=min(max(0, record.get("end", start) - start), _INT64),
    )
    if facts.status == "ERROR":
        facts.exception = exception_type(record)
    attributes = record.get("attributes")
    if attributes and not _OF_CALLS.isdisjoint(attributes):
        _add_call(facts, record, attributes)
    return facts


def _add_call(facts: SpanFacts, record: JsonObject, attributes: JsonObject) -> None:
    """The fields of a model call, from the attributes."""
    request_model = _text(attributes.get(semconv.REQUEST_MODEL))
    facts.model = _text(attributes.get(semconv.RESPONSE_MODEL)) or request_model
    facts.request_model = request_model if request_model != facts.model else None
    facts.provider = _text(attributes.get(semconv.PROVIDER))
    facts.usage = token_usage(attributes)
    scope = _text(record.get("scope"))
    facts.scope = scope if scope and facts.usage and facts.model and not scope.startswith("tracer") else None
    facts.cost = _cost(record, facts.usage)
    facts.first_chunk = first_chunk_ns(attributes)


_MOST_USD = 1e12  # no bill of a call; sums of more would not be finite


def _cost(record: JsonObject, usage: dict[str, int] | None) -> tuple[float | None, float | None, float] | None:
    price = cost_of(record, usage)
    if not price or any(abs(amount) > _MOST_USD for amount in price.values()):
        return None
    return price.get("input_cost"), price.get("output_cost"), price["total_cost"]


def _ns(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) and abs(value) <= _INT64 else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a span without an id")
    return value


def _status(value: object) -> str:
    return "OK" if value == "OK" else "ERROR" if value == "ERROR" else "UNSET"


def _require(record: JsonObject, *names: str) -> None:
    missing: Iterable[str] = [name for name in names if not isinstance(record.get(name), str)]
    if missing:
        raise ValueError(f"a record without {', '.join(missing)}")

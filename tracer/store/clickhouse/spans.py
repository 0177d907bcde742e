"""The rows of spans: what an ended or a running one becomes in the table, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from tracer._json import JsonObject
from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.store.clickhouse.words import NO_TEXTS, texts_of
from tracer.store.decode import NewSpan, NewStart, SpanFacts, StartFacts
from tracer.store.rollup import Running
from tracer.store.sql import columns
from tracer.store.text import json_text, span_text, value_of

STARTED, STARTED_WITH_VALUES, ENDED, HIDDEN = 1, 2, 3, 4000
SHOWN = f"rank < {HIDDEN}"
VALUE_CHARACTERS = 200  # of an attribute that has a cell of its own; longer ones are looked up in the record

_SCHEME = ATTACHMENT_SCHEME.encode()
_ATTACHMENT = re.compile(re.escape(_SCHEME) + rb"([0-9a-f]{64})")
_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_NO_COST = (None, None, None)


class SpanCells(NamedTuple):
    """The cells of a span but for its texts, as they are read."""

    trace_id: str
    span_id: str
    rank: int
    parent_id: str | None
    remote: int
    name: str
    type: str
    status: str
    message: str | None
    start: int
    duration: int
    model: str | None
    request_model: str | None
    provider: str | None
    usage: str
    input_cost: float | None
    output_cost: float | None
    cost: float | None
    first_chunk: int | None
    scope: str | None
    exception: str | None
    owner: str | None
    known_as: list[str]
    digests: list[str]
    at: int
    place: int


SPAN_COLUMNS = columns(SpanCells)

SpanRow = tuple[Any, ...]  # what is inserted
SPAN_ROW = (
    "trace_id", "life", "span_id", "rank", "place", "parent_id", "remote", "name", "type", "status", "message",
    "start", "duration", "model", "request_model", "provider", "usage", "input_cost", "output_cost", "cost",
    "first_chunk", "scope", "exception", "owner", "known_as",
    "digests", "attributes", "long_keys", "record", "said", "low", "words",
)  # fmt: skip
DIGESTS = SPAN_ROW.index("digests")


def ended_row(trace_id: str, life: int, place: int, span: NewSpan, owner: str | None) -> SpanRow:
    """The row of an ended span."""
    facts, record = span.facts, orjson.loads(span.line)
    joined = len((record.get("joined") or {}).get("logs", ()))
    return (
        trace_id, life, facts.span_id, min(ENDED + joined, HIDDEN - 1), place, facts.parent_id, int(facts.remote),
        facts.name, facts.type, facts.status, facts.message, facts.start, facts.duration,
        facts.model, facts.request_model, facts.provider, orjson.dumps(facts.usage).decode() if facts.usage else "",
        *(facts.cost or _NO_COST), facts.first_chunk, facts.scope, facts.exception, owner,
        record.get("known_as", []), *_of_record(record, span.line),
    )  # fmt: skip


def started_row(trace_id: str, life: int, place: int, start: NewStart) -> SpanRow:
    """The row of a running span."""
    rank = STARTED if start.line is None else STARTED_WITH_VALUES
    return _started_row(trace_id, life, place, start, rank)


def hidden_row(trace_id: str, life: int, span_id: str, start: int) -> SpanRow:
    """The row in the place of a span that is another one's."""
    return _started_row(trace_id, life, 0, NewStart({"span_id": span_id, "start": start}, None, None), HIDDEN)


def _started_row(trace_id: str, life: int, place: int, start: NewStart, rank: int) -> SpanRow:
    facts = start.facts()
    return (
        trace_id, life, facts.span_id, rank, place, facts.parent_id, int(facts.remote),
        facts.name, facts.type, "", None, facts.start, 0,
        facts.model, None, facts.provider, "", *_NO_COST, None, None, None, facts.owner,
        [], *_of_record(start.record if start.line else {}, start.line or b""),
    )  # fmt: skip


def _of_record(record: JsonObject, line: bytes) -> tuple[Any, ...]:
    """The last cells of a row: from the digests on."""
    digests = sorted({digest.decode() for digest in _ATTACHMENT.findall(line)}) if _SCHEME in line else []
    return digests, *_attributes(record), line.decode(), *(texts_of(span_text(record)) if record else NO_TEXTS)


def _attributes(record: JsonObject) -> tuple[dict[str, str], list[str]]:
    """The values of attributes as texts, and the keys of those that are too long for a cell of their own."""
    found: dict[str, str] = {}
    long_keys: list[str] = []
    for key, value in {**(record.get("attributes") or {}), **(record.get("json") or {})}.items():
        if value is None:
            continue
        if isinstance(value, str) and value[:1] in ("{", "["):
            value = value_of(record, key)
        text = value if isinstance(value, str) else json_text(value)
        if len(text) <= VALUE_CHARACTERS:
            found[key] = text
        else:
            long_keys.append(key)
    return found, sorted(long_keys)


def is_ended(cells: SpanCells) -> bool:
    """Whether the row is that of an ended span."""
    return cells.rank >= ENDED


def facts_of(cells: SpanCells) -> SpanFacts:
    """The facts in the row of an ended span."""
    return SpanFacts(
        span_id=cells.span_id,
        parent_id=cells.parent_id,
        remote=bool(cells.remote),
        name=cells.name,
        type=cells.type,
        status=cells.status,
        message=cells.message,
        start=cells.start,
        duration=cells.duration,
        model=cells.model,
        request_model=cells.request_model,
        provider=cells.provider,
        usage=orjson.loads(cells.usage) if cells.usage else None,
        cost=None if cells.cost is None else (cells.input_cost, cells.output_cost, cells.cost),
        first_chunk=cells.first_chunk,
        scope=cells.scope,
        exception=cells.exception,
    )


def running_of(cells: SpanCells, gone: Sequence[str] | set[str]) -> Running:
    """The running span in a row."""
    facts = StartFacts(
        span_id=cells.span_id,
        parent_id=cells.parent_id,
        remote=bool(cells.remote),
        name=cells.name,
        type=cells.type,
        start=cells.start,
        owner=cells.owner,
        model=cells.model,
        provider=cells.provider,
    )
    return Running(facts, gone=cells.span_id in gone, has_values=cells.rank == STARTED_WITH_VALUES)

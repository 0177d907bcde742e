"""Reads the stored state of traces that are about to change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import orjson

from tracer.store.decode import SpanFacts, StartFacts
from tracer.store.rollup import Running
from tracer.store.sql import columns, marks
from tracer.store.sqlite.functions import RUNNING_MODEL, RUNNING_PROVIDER
from tracer.store.sqlite.recent import RecentTallies
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK
from tracer.store.tally import OneSpan, Tally
from tracer.store.trace_updates import TraceUpdates

_PART_LENGTHS = (1, 8, 64, 128, 500)
Id = TypeVar("Id", int, str)


class FactsCells(NamedTuple):
    """The cells of a span's narrow row."""

    span_id: str
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
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    usage: str | None
    input_cost: float | None
    output_cost: float | None
    cost: float | None
    first_chunk: int | None
    covered: int
    scope: str | None
    beside: str | None
    exception: str | None


FACTS_COLUMNS = columns(FactsCells)


class _TraceCells(NamedTuple):
    trace_id: str
    num: int
    seq: int
    start: int | None
    next_position: int
    root_span: str | None
    request_preview: str | None
    response_preview: str | None
    owner: str | None
    updates: str | None


class _RunningCells(NamedTuple):
    span_id: str
    parent_id: str | None
    remote: int
    name: str
    type: str
    start: int
    owner: str | None
    gone: int
    has_values: int
    model: str | None
    provider: str | None


_TRACE_COLUMNS = columns(_TraceCells, updates="said")
_RUNNING_COLUMNS = columns(
    _RunningCells,
    has_values="record IS NOT NULL",
    model=RUNNING_MODEL.format("record"),
    provider=RUNNING_PROVIDER.format("record"),
)


@dataclass(slots=True)
class KnownTrace:
    """A trace as stored: the narrow rows of its spans, the updates of it, and its change number."""

    trace_id: str
    num: int = 0
    seq: int = 0
    start: int | None = None
    next_position: int = 0
    root: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    owner: str | None = None
    updates: TraceUpdates = field(default_factory=TraceUpdates)
    tally: Tally | OneSpan = field(default_factory=Tally)
    labels: dict[tuple[int, str], str] = field(default_factory=dict)
    had_running: bool = False


def load_known(
    connection: sqlite3.Connection, trace_ids: Sequence[str], recent: RecentTallies
) -> dict[str, KnownTrace]:
    """Those of the traces that are stored."""
    known: dict[str, KnownTrace] = {}
    for part in in_parts(trace_ids):
        rows = connection.execute(
            f"SELECT {_TRACE_COLUMNS} FROM traces WHERE trace_id IN ({marks(part)})", part
        ).fetchall()
        for cells in map(_TraceCells._make, rows):
            known[cells.trace_id] = _load_trace(connection, cells, recent)
    return known


def in_parts(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    """The ids in parts that fit SQLite's limit of parameters.

    A part is filled up to one of few lengths by repeating its last id: each length is a statement of its own, and the
    connection keeps hundreds of them, those with hundreds of parameters tens of kilobytes each.
    """
    for start in range(0, len(ids), _PART_LENGTHS[-1]):
        part = list(ids[start : start + _PART_LENGTHS[-1]])
        missing = min(length - len(part) for length in _PART_LENGTHS if length >= len(part))
        yield part + part[-1:] * missing


def _load_trace(connection: sqlite3.Connection, cells: _TraceCells, recent: RecentTallies) -> KnownTrace:
    trace = KnownTrace(
        trace_id=cells.trace_id,
        num=cells.num,
        seq=cells.seq,
        start=cells.start,
        next_position=cells.next_position,
        root=cells.root_span,
        request_preview=cells.request_preview,
        response_preview=cells.response_preview,
        owner=cells.owner,
        updates=TraceUpdates(cells.updates),
    )
    trace.tally = recent.take(trace.num, trace.seq) or Tally(
        running=_load_running(connection, trace.num), stored=load_facts(connection, trace.num)
    )
    trace.had_running = bool(trace.tally.running)
    labels = connection.execute("SELECT kind, key, value FROM labels WHERE trace = ?", (trace.num,))
    trace.labels = {(kind, key): value for kind, key, value in labels}
    return trace


def _load_running(connection: sqlite3.Connection, num: int) -> list[Running]:
    rows = connection.execute(f"SELECT {_RUNNING_COLUMNS} FROM running WHERE trace = ?", (num,))
    return [
        Running(
            StartFacts(
                span_id=cells.span_id,
                parent_id=cells.parent_id,
                remote=bool(cells.remote),
                name=cells.name,
                type=cells.type,
                start=cells.start,
                owner=cells.owner,
                model=cells.model,
                provider=cells.provider,
            ),
            gone=bool(cells.gone),
            has_values=bool(cells.has_values),
        )
        for cells in map(_RunningCells._make, rows)
    ]


def load_facts(connection: sqlite3.Connection, num: int) -> Iterator[SpanFacts]:
    """The narrow rows of a trace's spans."""
    low = num << POSITION_BITS
    rows = connection.execute(f"SELECT {FACTS_COLUMNS} FROM spans WHERE id BETWEEN ? AND ?", (low, low | POSITION_MASK))
    return (facts_of(FactsCells._make(row)) for row in rows)


def facts_of(cells: FactsCells) -> SpanFacts:
    """The facts in a row of FACTS_COLUMNS."""
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
        usage=_usage(cells),
        cost=None if cells.cost is None else (cells.input_cost, cells.output_cost, cells.cost),
        first_chunk=cells.first_chunk,
        covered=cells.covered,
        scope=cells.scope,
        beside=cells.beside,
        exception=cells.exception,
    )


def _usage(cells: FactsCells) -> dict[str, int] | None:
    if cells.usage is not None:
        usage: dict[str, int] = orjson.loads(cells.usage)
        return usage
    counts = zip(
        ("input_tokens", "output_tokens", "total_tokens"), (cells.input_tokens, cells.output_tokens, cells.total_tokens)
    )
    return {name: count for name, count in counts if count is not None} or None

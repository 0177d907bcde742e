"""Reads what the tables hold about traces that are about to change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from tracer.store.sqlite.decode import SpanFacts, StartFacts
from tracer.store.sqlite.migrations import POSITION_BITS, POSITION_MASK
from tracer.store.sqlite.recent import RecentTallies
from tracer.store.sqlite.rollup import Running
from tracer.store.sqlite.said import Said
from tracer.store.sqlite.tally import OneSpan, Tally

_PART_LENGTHS = (1, 8, 64, 500)
Id = TypeVar("Id", int, str)
FACTS_COLUMNS = (
    "span_id, parent_id, remote, name, type, status, message, start, duration, model, request_model, provider,"
    " input_tokens, output_tokens, total_tokens, usage, input_cost, output_cost, cost, first_chunk, covered"
)


@dataclass(slots=True)
class KnownTrace:
    """A trace as stored: the narrow rows of its spans, what was said about it, and its change number."""

    trace_id: str
    num: int = 0
    seq: int = 0
    start: int | None = None
    next_position: int = 0
    root: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    owner: str | None = None
    said: Said = field(default_factory=Said)
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
            "SELECT trace_id, num, seq, start, next_position, root_span, request_preview, response_preview, owner, said"
            f" FROM traces WHERE trace_id IN ({','.join('?' * len(part))})",
            part,
        ).fetchall()
        for row in rows:
            known[row[0]] = _load_trace(connection, row, recent)
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


def _load_trace(connection: sqlite3.Connection, row: tuple[Any, ...], recent: RecentTallies) -> KnownTrace:
    trace = KnownTrace(*row[:9])
    trace.said = Said(row[9])
    trace.tally = recent.take(trace.num, trace.seq) or Tally(
        running=_load_running(connection, trace.num), stored=load_facts(connection, trace.num)
    )
    trace.had_running = bool(trace.tally.running)
    labels = connection.execute("SELECT kind, key, value FROM labels WHERE trace = ?", (trace.num,))
    trace.labels = {(kind, key): value for kind, key, value in labels}
    return trace


def _load_running(connection: sqlite3.Connection, num: int) -> list[Running]:
    rows = connection.execute(
        "SELECT span_id, parent_id, remote, name, type, start, owner, gone FROM running WHERE trace = ?", (num,)
    )
    return [
        Running(StartFacts(row[0], row[1], bool(row[2]), row[3], row[4], row[5], row[6]), bool(row[7])) for row in rows
    ]


def load_facts(connection: sqlite3.Connection, num: int) -> Iterator[SpanFacts]:
    """The narrow rows of a trace's spans."""
    low = num << POSITION_BITS
    rows = connection.execute(f"SELECT {FACTS_COLUMNS} FROM spans WHERE id BETWEEN ? AND ?", (low, low | POSITION_MASK))
    return (facts_of(row) for row in rows)


def facts_of(row: Sequence[Any]) -> SpanFacts:
    """The facts in a row of FACTS_COLUMNS."""
    cost = (row[16], row[17], row[18]) if row[18] is not None else None
    cells: tuple[Any, ...] = (row[0], row[1], bool(row[2]), *row[3:12], usage_of(row[12:16]), cost, *row[19:])
    return SpanFacts(*cells)


def usage_of(cells: Sequence[Any]) -> dict[str, int] | None:
    """Token usage from the columns input, output, total and usage."""
    if cells[3] is not None:
        usage: dict[str, int] = orjson.loads(cells[3])
        return usage
    counts = zip(("input_tokens", "output_tokens", "total_tokens"), cells)
    return {name: count for name, count in counts if count is not None} or None

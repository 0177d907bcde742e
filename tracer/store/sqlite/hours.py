"""The hourly roll-up of spans by type, name, model and provider; an hour's rows always hold what its spans sum to.

Costs are whole numbers of 1e-12 USD and latencies are counts in buckets, so that taking a span out leaves no rest.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tracer.store.sqlite.decode import SpanFacts
from tracer.store.sqlite.latencies import LatencyCounts

HOUR_NS: Final = 3_600_000_000_000
_PICO = 10**12
_DEAREST = 1e6  # USD; a sum of picos has to stay below 2**63
_ADD = """INSERT INTO hours VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (hour, type, name, model, provider) DO UPDATE SET
    spans = spans + excluded.spans, errors = errors + excluded.errors,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    priced = priced + excluded.priced, cost = cost + excluded.cost,
    latencies = tracer_add_latencies(latencies, excluded.latencies)"""
_TAKE_OUT = """UPDATE hours SET spans = spans - ?6, errors = errors - ?7, input_tokens = input_tokens - ?8,
    output_tokens = output_tokens - ?9, priced = priced - ?10, cost = cost - ?11,
    latencies = tracer_take_latencies(latencies, ?12)
    WHERE hour = ?1 AND type = ?2 AND name = ?3 AND model = ?4 AND provider = ?5"""

Row = tuple[Any, ...]


def pico(cost: float) -> int:
    """A cost in 1e-12 USD; a call that is said to cost more than a million counts as one."""
    return round(min(cost, _DEAREST) * _PICO)


def usd(picos: int) -> float:
    """A cost in USD."""
    return picos / _PICO


def add_spans(connection: sqlite3.Connection, spans: Iterable[SpanFacts]) -> None:
    """Count spans in."""
    connection.executemany(_ADD, _rows(spans))


def take_out_spans(connection: sqlite3.Connection, spans: Iterable[SpanFacts]) -> None:
    """Count spans out that were counted in."""
    rows = _rows(spans)
    connection.executemany(_TAKE_OUT, rows)
    connection.executemany("DELETE FROM hours WHERE hour = ? AND spans <= 0", {(row[0],) for row in rows})


def _rows(spans: Iterable[SpanFacts]) -> list[Row]:
    sums: dict[tuple[int, str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0])
    latencies: dict[tuple[int, str, str, str, str], LatencyCounts] = defaultdict(LatencyCounts)
    for span in spans:
        key = span.start // HOUR_NS, span.type, span.name, span.model or "", span.provider or ""
        latencies[key].step(span.duration)
        total = sums[key]
        total[0] += 1
        total[1] += span.status == "ERROR"
        if span.usage:
            total[2] += span.usage.get("input_tokens", 0)
            total[3] += span.usage.get("output_tokens", 0)
        if span.cost:
            total[4] += 1
            total[5] += pico(span.cost[2])
    return [(*key, *total, latencies[key].finalize()) for key, total in sums.items()]


def read_hours(connection: sqlite3.Connection, group: str, condition: str, first: int, last: int) -> Iterator[Row]:
    """Rows of group, hour, spans, errors, input and output tokens, priced, cost, latencies of whole hours."""
    return connection.execute(
        f"SELECT {group}, hour, spans, errors, input_tokens, output_tokens, priced, cost, latencies FROM hours"
        f" WHERE hour >= ? AND hour < ? AND {condition}",
        (first, last),
    )

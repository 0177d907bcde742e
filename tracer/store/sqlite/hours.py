"""The hourly roll-up of spans by type, name, model and provider; an hour's rows always hold the sums of its spans.

The table ``hours`` has every span with all that it carries, ``covered_hours`` the tokens and costs among them that do
not count, since an ancestor carries them too (topmost.py): once for sums of all spans, once for sums of model calls.
Costs are whole numbers of 1e-12 USD and latencies are counts in buckets, so that taking a span out leaves no rest.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from tracer.store.decode import SpanFacts
from tracer.store.latencies import LatencyCounts
from tracer.store.topmost import CALL_SHIFT, COST, PRICED_BELOW, USAGE, is_unpriced

HOUR_NS: Final = 3_600_000_000_000
_PICO = 10**12
_DEAREST = 1e6  # USD; a sum of picos has to stay below 2**63
_ADD = """INSERT INTO hours(
    hour, type, name, model, provider, spans, errors, input_tokens, output_tokens, priced, unmeasured, cost, latencies
    ) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (hour, type, name, model, provider) DO UPDATE SET
    spans = spans + excluded.spans, errors = errors + excluded.errors,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    priced = priced + excluded.priced, unmeasured = unmeasured + excluded.unmeasured, cost = cost + excluded.cost,
    latencies = tracer_add_latencies(latencies, excluded.latencies)"""
_REMOVE = """UPDATE hours SET spans = spans - ?, errors = errors - ?, input_tokens = input_tokens - ?,
    output_tokens = output_tokens - ?, priced = priced - ?, unmeasured = unmeasured - ?, cost = cost - ?,
    latencies = tracer_take_latencies(latencies, ?)
    WHERE hour = ? AND type = ? AND name = ? AND model = ? AND provider = ?"""
_ADD_PRICED = """UPDATE hours SET priced = priced + ?
    WHERE hour = ? AND type = ? AND name = ? AND model = ? AND provider = ?"""

_ADD_COVERED = """INSERT INTO covered_hours(
    of_calls, hour, type, name, model, provider, marks, input_tokens, output_tokens, cost
    ) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (of_calls, hour, type, name, model, provider) DO UPDATE SET
    marks = marks + excluded.marks, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens, cost = cost + excluded.cost"""

_KEY_SIZE = 5
Row = tuple[Any, ...]


def pico(cost: float) -> int:
    """A cost in 1e-12 USD; a cost above a million counts as a million."""
    return round(min(cost, _DEAREST) * _PICO)


def usd(picos: int) -> float:
    """A cost in USD."""
    return picos / _PICO


def add_spans(connection: sqlite3.Connection, spans: Iterable[SpanFacts]) -> None:
    """Count spans in."""
    connection.executemany(_ADD, _rows(spans))


def remove_spans(connection: sqlite3.Connection, spans: Sequence[SpanFacts]) -> None:
    """Count spans out that were counted in."""
    rows = _rows(spans)
    connection.executemany(_REMOVE, [(*row[_KEY_SIZE:], *row[:_KEY_SIZE]) for row in rows])
    connection.executemany("DELETE FROM hours WHERE hour = ? AND spans <= 0", {(row[0],) for row in rows})
    covered = [(span, span.covered) for span in spans if span.covered]
    if covered:
        _change_covered(connection, covered, -1)
        connection.execute("DELETE FROM covered_hours WHERE marks <= 0")


def add_covered(connection: sqlite3.Connection, spans: Iterable[tuple[SpanFacts, int]]) -> None:
    """Take the tokens and costs of covered spans out of the sums, by the marks that the spans have got."""
    _change_covered(connection, spans, 1)


def add_priced(connection: sqlite3.Connection, spans: Iterable[SpanFacts]) -> None:
    """Count stored spans as priced whose cost has come in below them."""
    connection.executemany(_ADD_PRICED, [(1, *_key(span)) for span in spans])


def take_back(connection: sqlite3.Connection, spans: Sequence[tuple[SpanFacts, int]]) -> None:
    """Count again what marks had taken out of the sums that the spans have no more."""
    _change_covered(connection, spans, -1)
    connection.execute("DELETE FROM covered_hours WHERE marks <= 0")
    connection.executemany(_ADD_PRICED, [(-1, *_key(span)) for span, marks in spans if marks & PRICED_BELOW])


def _change_covered(connection: sqlite3.Connection, spans: Iterable[tuple[SpanFacts, int]], sign: int) -> None:
    sums: dict[tuple[int, int, str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for span, marks in spans:
        for of_calls in (0, 1):
            gone = marks >> CALL_SHIFT if of_calls else marks
            if not gone & (USAGE | COST):
                continue
            key = of_calls, *_key(span)
            total = sums[key]
            if gone & USAGE and span.usage:
                total[0] += sign
                total[1] += sign * span.usage.get("input_tokens", 0)
                total[2] += sign * span.usage.get("output_tokens", 0)
            if gone & COST and span.cost:
                total[0] += sign
                total[3] += sign * pico(span.cost[2])
    connection.executemany(_ADD_COVERED, [(*key, *total) for key, total in sums.items()])


def _key(span: SpanFacts) -> tuple[int, str, str, str, str]:
    return span.start // HOUR_NS, span.type, span.name, span.model or "", span.provider or ""


def _rows(spans: Iterable[SpanFacts]) -> list[Row]:
    sums: dict[tuple[int, str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0, 0])
    latencies: dict[tuple[int, str, str, str, str], LatencyCounts] = defaultdict(LatencyCounts)
    for span in spans:
        key = _key(span)
        latencies[key].step(span.duration)
        total = sums[key]
        total[0] += 1
        total[1] += span.status == "ERROR"
        if span.usage:
            total[2] += span.usage.get("input_tokens", 0)
            total[3] += span.usage.get("output_tokens", 0)
        if span.cost:
            total[4] += 1
            total[6] += pico(span.cost[2])
        elif span.covered & PRICED_BELOW:
            total[4] += 1
        elif not is_unpriced(span):
            total[5] += 1
    return [(*key, *total, latencies[key].finalize()) for key, total in sums.items()]


def read_hours(
    connection: sqlite3.Connection, group: str, condition: str, first: int, last: int, *, of_calls: bool
) -> Iterator[Row]:
    """Rows of whole hours, to add up, in the order of the fields of `_Sum` in statistics.py, latencies last.

    With ``of_calls`` an ancestor that names no model takes no tokens and no cost from a span.
    """
    within = f"hour >= ? AND hour < ? AND {condition}"
    return connection.execute(
        f"SELECT {group}, hour, spans, errors, input_tokens, output_tokens, priced, unmeasured, cost, latencies"
        f" FROM hours"
        f" WHERE {within} UNION ALL"
        f" SELECT {group}, hour, 0, 0, -input_tokens, -output_tokens, 0, 0, -cost, x'' FROM covered_hours"
        f" WHERE of_calls = ? AND {within}",
        (first, last, of_calls, first, last),
    )

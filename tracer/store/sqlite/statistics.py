"""Calls, errors, tokens, cost and latency percentiles by group, as a whole or step by step over time."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression
from tracer.store.rows import StatisticsRow
from tracer.store.sqlite.compile import SPANS_OF_TRACE, Matcher, Sql
from tracer.store.sqlite.percentiles import bucket_percentiles, exact_percentiles
from tracer.store.sqlite.selecting import selected

_SPANS = {
    "model": ("s.model", "s.model IS NOT NULL"),
    "provider": ("ifnull(s.provider, 'unknown')", "s.model IS NOT NULL"),
    "name": ("s.name", "1"),
    "type": ("s.type", "1"),
    "none": ("'all'", "s.model IS NOT NULL"),
}
_TRACES = {
    "trace_name": "ifnull(t.name, '')",
    "version": "ifnull(t.model_id, '')",
    "user": "ifnull(t.user, '')",
    "session": "ifnull(t.session, '')",
    "experiment": "(SELECT name FROM experiments WHERE id = t.experiment)",
    "state": "t.state",
}
STATISTICS_GROUPS = (*_SPANS, *_TRACES)
_ROLLED = {
    "model": "model",
    "provider": "CASE provider WHEN '' THEN 'unknown' ELSE provider END",
    "none": "'all'",
}
_EXACT_UP_TO_SPANS = 100_000
_NS_PER_MS = 1_000_000
_HOUR_MS = 3_600_000
_HOUR_NS = _HOUR_MS * _NS_PER_MS

Key = tuple[Any, Any]  # group, start of the step


@dataclass(frozen=True)
class _Question:
    group_by: str
    filter: Expression | None
    since_ms: float | None
    until_ms: float | None
    interval_ns: int | None


def statistics(
    connection: sqlite3.Connection,
    *,
    group_by: str,
    filter: Expression | None,
    since_ms: float | None,
    until_ms: float | None,
    interval_ns: int | None,
    fulltext: Matcher,
) -> list[StatisticsRow]:
    """One row a group (and step), most calls first; from the roll-up where spans are many and no filter needs them."""
    if group_by not in STATISTICS_GROUPS:
        raise InvalidArgumentError(f"group_by is {group_by!r}, expected one of {', '.join(STATISTICS_GROUPS)}")
    question = _Question(group_by, filter, since_ms, until_ms, interval_ns)
    if group_by in _TRACES:
        rows = _from_traces(connection, question, fulltext)
    elif _can_be_rolled_up(connection, question):
        rows = _from_roll_up(connection, question)
    else:
        rows = _from_spans(connection, question, fulltext)
    return sorted(rows, key=lambda row: (row.start or 0, -row.calls, row.group))


def _can_be_rolled_up(connection: sqlite3.Connection, question: _Question) -> bool:
    is_asked_by_hours = not (question.interval_ns or 0) % _HOUR_NS
    if question.filter is not None or question.group_by not in _ROLLED or not is_asked_by_hours:
        return False
    spans = connection.execute("SELECT value FROM counters WHERE name = 'spans'").fetchone()[0]
    return bool(spans > _EXACT_UP_TO_SPANS)


def _from_spans(connection: sqlite3.Connection, question: _Question, fulltext: Matcher) -> Iterable[StatisticsRow]:
    group, condition = _SPANS[question.group_by]
    source = Sql(f"spans s WHERE {condition}")
    if question.filter is not None:
        traces = selected(question.filter, fulltext)
        source = Sql(traces.joined("spans s", f"{SPANS_OF_TRACE} AND {condition}"), traces.parameters)
    numbers = "s.status = 'ERROR', s.input_tokens, s.output_tokens, s.cost, s.duration"
    return _summed(connection, question, group, numbers, _within(source, "s.start", question))


def _from_traces(connection: sqlite3.Connection, question: _Question, fulltext: Matcher) -> Iterable[StatisticsRow]:
    source = selected(question.filter, fulltext)
    numbers = "t.state = 'ERROR', t.input_tokens, t.output_tokens, t.cost, t.duration"
    rest = _within(Sql(source.text, source.parameters), "t.start", question)
    return _summed(connection, question, _TRACES[question.group_by], numbers, rest)


def _within(source: Sql, column: str, question: _Question) -> Sql:
    text, parameters = source.text, list(source.parameters)
    for bound, sign in ((question.since_ms, ">="), (question.until_ms, "<")):
        if bound is not None:
            text += f" AND {column} {sign} ?"
            parameters.append(int(bound * _NS_PER_MS))
    step = "NULL" if question.interval_ns is None else f"{column} / {question.interval_ns} * {question.interval_ns}"
    return Sql(f"{step} FROM {text}", parameters)


def _summed(
    connection: sqlite3.Connection, question: _Question, group: str, numbers: str, rest: Sql
) -> Iterable[StatisticsRow]:
    """Adds up rows of group, error, input and output tokens, cost, duration, step."""
    sums: dict[Key, list[Any]] = defaultdict(lambda: [0, 0, 0, 0, 0.0, 0])
    durations: dict[Key, list[int]] = defaultdict(list)
    rows = connection.execute(f"SELECT {group}, {numbers}, {rest.text}", rest.parameters)
    for name, error, input_tokens, output_tokens, cost, duration, start in rows:
        key = (name, start)
        total = sums[key]
        total[0] += 1
        total[1] += error
        total[2] += input_tokens or 0
        total[3] += output_tokens or 0
        if cost is not None:
            total[4] += cost
            total[5] += 1
        if duration is not None:
            durations[key].append(duration)
    return [_row(key, total, exact_percentiles(durations[key]), exact=True) for key, total in sums.items()]


def _from_roll_up(connection: sqlite3.Connection, question: _Question) -> Iterable[StatisticsRow]:
    group = _ROLLED[question.group_by]
    interval = (question.interval_ns or 0) // _HOUR_NS
    step = f"hour / {interval} * {interval} * {_HOUR_NS}" if interval else "NULL"
    since, until = question.since_ms, question.until_ms
    bounds = (
        int(since // _HOUR_MS) if since is not None else -(2**62),
        math.ceil(until / _HOUR_MS) if until is not None else 2**62,
    )
    sums: dict[Key, list[Any]] = defaultdict(lambda: [0, 0, 0, 0, 0.0, 0])
    buckets: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for name, start, bucket, *counts in connection.execute(
        f"SELECT {group}, {step}, bucket, sum(calls), sum(errors), sum(input_tokens), sum(output_tokens), sum(cost),"
        " sum(priced) FROM calls WHERE hour >= ? AND hour < ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        bounds,
    ):
        key = (name, start)
        sums[key] = [old + new for old, new in zip(sums[key], counts)]
        buckets[key].append((bucket, counts[0]))
    return [
        _row(key, total, bucket_percentiles(buckets[key]), exact=False) for key, total in sums.items() if total[0] > 0
    ]


def _row(key: Key, total: list[Any], percentiles: tuple[float, float, float], *, exact: bool) -> StatisticsRow:
    p50, p95, p99 = percentiles
    return StatisticsRow(
        group=key[0],
        calls=total[0],
        errors=total[1],
        input_tokens=int(total[2]),
        output_tokens=int(total[3]),
        cost=total[4] if total[5] else None,
        priced=total[5],
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        exact=exact,
        start=key[1],
    )

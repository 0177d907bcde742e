"""Calls, errors, tokens, cost and latency percentiles by group."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression
from tracer.store.rows import StatisticsRow
from tracer.store.sqlite.compile import Matcher, Sql, compile_expression
from tracer.store.sqlite.migrations import POSITION_BITS
from tracer.store.sqlite.rollup import bucket_ms

_GROUPS = {
    "model": ("s.model", "s.model IS NOT NULL"),
    "provider": ("ifnull(s.provider, 'unknown')", "s.model IS NOT NULL"),
    "name": ("s.name", "1"),
    "type": ("s.type", "1"),
}
_ROLLED = {"model": "model", "provider": "CASE provider WHEN '' THEN 'unknown' ELSE provider END"}
_EXACT_UP_TO_SPANS = 100_000
_NS_PER_MS = 1_000_000
_HOUR_MS = 3_600_000


def statistics(
    connection: sqlite3.Connection,
    *,
    group_by: str,
    filter: Expression | None,
    since_ms: float | None,
    until_ms: float | None,
    fulltext: Matcher,
) -> list[StatisticsRow]:
    """One row a group, most calls first; from the hourly roll-up where the spans are many and no filter needs them."""
    if group_by not in _GROUPS:
        raise InvalidArgumentError(f"group_by is {group_by!r}, expected one of {', '.join(_GROUPS)}")
    spans = connection.execute("SELECT value FROM counters WHERE name = 'spans'").fetchone()[0]
    if filter is None and group_by in _ROLLED and spans > _EXACT_UP_TO_SPANS:
        rows = _from_roll_up(connection, group_by, since_ms, until_ms)
    else:
        rows = _from_spans(connection, group_by, filter, since_ms, until_ms, fulltext)
    return sorted(rows, key=lambda row: (-row.calls, row.group))


def _from_spans(
    connection: sqlite3.Connection,
    group_by: str,
    filter: Expression | None,
    since_ms: float | None,
    until_ms: float | None,
    fulltext: Matcher,
) -> Iterable[StatisticsRow]:
    group, condition = _GROUPS[group_by]
    source, conditions = "spans s", [Sql(condition)]
    if since_ms is not None:
        conditions.append(Sql("s.start >= ?", [int(since_ms * _NS_PER_MS)]))
    if until_ms is not None:
        conditions.append(Sql("s.start < ?", [int(until_ms * _NS_PER_MS)]))
    if filter is not None:
        source = f"spans s JOIN traces t ON t.num = s.id >> {POSITION_BITS}"
        conditions.append(compile_expression(filter, fulltext))
    where = " AND ".join(part.text for part in conditions)
    parameters = [value for part in conditions for value in part.parameters]
    totals = connection.execute(
        f"SELECT {group}, count(*), sum(s.status = 'ERROR'), total(s.input_tokens), total(s.output_tokens),"
        f" sum(s.cost), count(s.cost) FROM {source} WHERE {where} GROUP BY 1",
        parameters,
    ).fetchall()
    durations: dict[str, list[int]] = defaultdict(list)
    for name, duration in connection.execute(f"SELECT {group}, s.duration FROM {source} WHERE {where}", parameters):
        durations[name].append(duration)
    return [_row(total, *_exact_percentiles(durations[total[0]]), exact=True) for total in totals]


def _exact_percentiles(durations: list[int]) -> tuple[float, float, float]:
    durations.sort()
    return (_at(durations, 0.5), _at(durations, 0.95), _at(durations, 0.99))


def _at(durations: Sequence[int], share: float) -> float:
    """The nearest-rank percentile in ms."""
    rank = max(0, math.ceil(share * len(durations)) - 1)
    return durations[rank] / _NS_PER_MS if durations else 0.0


def _from_roll_up(
    connection: sqlite3.Connection, group_by: str, since_ms: float | None, until_ms: float | None
) -> Iterable[StatisticsRow]:
    group = _ROLLED[group_by]
    bounds = (
        int(since_ms // _HOUR_MS) if since_ms is not None else -(2**62),
        math.ceil(until_ms / _HOUR_MS) if until_ms is not None else 2**62,
    )
    totals = connection.execute(
        f"SELECT {group}, sum(calls), sum(errors), sum(input_tokens), sum(output_tokens), sum(cost), sum(priced)"
        " FROM calls WHERE hour >= ? AND hour < ? GROUP BY 1 HAVING sum(calls) > 0",
        bounds,
    ).fetchall()
    buckets: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, bucket, calls in connection.execute(
        f"SELECT {group}, bucket, sum(calls) FROM calls WHERE hour >= ? AND hour < ? GROUP BY 1, 2 ORDER BY 1, 2",
        bounds,
    ):
        buckets[name].append((bucket, calls))
    return [
        _row(total, *(_bucket_at(buckets[total[0]], share) for share in (0.5, 0.95, 0.99)), exact=False)
        for total in totals
    ]


def _bucket_at(buckets: Sequence[tuple[int, int]], share: float) -> float:
    wanted = math.ceil(share * sum(calls for _, calls in buckets))
    seen = 0
    for bucket, calls in buckets:
        seen += calls
        if seen >= wanted:
            return bucket_ms(bucket)
    return 0.0


def _row(total: Sequence[Any], p50: float, p95: float, p99: float, *, exact: bool) -> StatisticsRow:
    return StatisticsRow(
        group=total[0],
        calls=total[1],
        errors=total[2],
        input_tokens=int(total[3]),
        output_tokens=int(total[4]),
        cost=total[5] if total[6] else None,
        priced=total[6],
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        exact=exact,
    )

"""Counts traces over time, in steps that read well."""

from __future__ import annotations

import sqlite3

from tracer.store.filter import Expression
from tracer.store.rows import Histogram
from tracer.store.sql import Fragment
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.selecting import selected

_S = 1_000_000_000
_STEPS = [
    step * _S
    for step in (
        *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
        *(3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800),
    )
]


def histogram(
    connection: sqlite3.Connection,
    expression: Expression | None,
    fulltext: Matcher,
    *,
    since: int | None,
    until: int | None,
    buckets: int,
) -> Histogram | None:
    """The counts between two times in ns, or of the whole range of the traces; None where there are none."""
    sql = selected(expression, fulltext).sql
    total, first, last = connection.execute(
        f"SELECT count(*), min(t.start), max(t.start) FROM {sql.text}", sql.parameters
    ).fetchone()
    low = first if since is None else since
    high = last if until is None else until - 1
    if low is None or high is None:
        return None
    low = max(0, low)  # a step before the first of 64 bits could not be asked for
    if high < low:
        return None
    step = round_step(high - low, buckets)
    start = low - low % step
    within = sql.matching(Fragment("t.start BETWEEN ? AND ?", [low, high]))
    counts = connection.execute(
        f"SELECT (t.start - ?) / ?, count(*), sum(t.state = 'ERROR') FROM {within.text} GROUP BY 1 ORDER BY 1",
        [start, step, *within.parameters],
    )
    found = [(start + number * step, count, errors) for number, count, errors in counts]
    return Histogram(start, high - high % step + step, step, total, found)


def round_step(distance: int, buckets: int) -> int:
    """The smallest step that reads well and cuts a distance in ns into no more than so many buckets."""
    # a range that does not begin with a step lies in one more
    for step in _STEPS:
        if distance // step + 2 <= buckets:
            return step
    weeks = distance // _STEPS[-1] // max(1, buckets - 2) + 1
    return weeks * _STEPS[-1]

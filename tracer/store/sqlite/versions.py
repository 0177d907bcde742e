"""Versions of an app, and experiments: the sums of their traces."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import NamedTuple

from tracer.semconv import EXAMPLE
from tracer.store.filter import Comparison, Expression, Field, Not, all_of
from tracer.store.rows import ExperimentRow, FeedbackRow, VersionRow
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.percentiles import durations_of, exact_percentiles
from tracer.store.sqlite.schema import LABEL_MODEL
from tracer.store.sqlite.selecting import selected
from tracer.store.sqlite.sessions import usage_shape
from tracer.store.sqlite.sql import Fragment, Sql, columns

_VERSIONS_LIMIT = 1000
_NO_EXAMPLE = Not(Comparison(Field("tag", "any", EXAMPLE), "=", "true"))


class _Totals(NamedTuple):
    model_id: str
    trace_count: int
    error_count: int
    first: int
    last: int
    input_tokens: float
    output_tokens: float
    total_tokens: float
    cost: float | None
    durations: str | None


_TOTALS = {
    "model_id": "t.model_id",
    "trace_count": "count(*)",
    "error_count": "sum(t.state = 'ERROR')",
    "first": "min(t.start)",
    "last": "max(t.start) AS last",
    "input_tokens": "total(t.input_tokens)",
    "output_tokens": "total(t.output_tokens)",
    "total_tokens": "total(t.total_tokens)",
    "cost": "sum(t.cost)",
    "durations": "group_concat(t.duration)",
}


def versions(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> list[VersionRow]:
    """One row for each version that selected traces name, newest trace first; examples do not count."""
    source = selected(all_of(expression, _NO_EXAMPLE), fulltext).sql.matching("t.model_id IS NOT NULL")
    totals = connection.execute(
        f"SELECT {columns(_Totals, **_TOTALS)} FROM {source.text}"
        f" GROUP BY 1 ORDER BY last DESC, 1 LIMIT {_VERSIONS_LIMIT}",
        source.parameters,
    ).fetchall()
    models, feedback = _models(connection, source), _feedback(connection, source)
    return [
        _version_row(total, models[total.model_id], feedback[total.model_id]) for total in map(_Totals._make, totals)
    ]


def _version_row(total: _Totals, models: list[str], feedback: list[FeedbackRow]) -> VersionRow:
    p50, p95, p99 = exact_percentiles(durations_of(total.durations))
    return VersionRow(
        model_id=total.model_id,
        trace_count=total.trace_count,
        error_count=total.error_count,
        first=total.first,
        last=total.last,
        usage=usage_shape(total.input_tokens, total.output_tokens, total.total_tokens),
        cost=total.cost,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        models=models,
        feedback=feedback,
    )


def _models(connection: sqlite3.Connection, source: Sql) -> dict[str, list[str]]:
    labels = source.cross_join("labels l", Fragment("l.trace = t.num AND l.kind = ?", [LABEL_MODEL]))
    found: dict[str, list[str]] = defaultdict(list)
    for version, model in connection.execute(
        f"SELECT DISTINCT t.model_id, l.key FROM {labels.text} ORDER BY 2", labels.parameters
    ):
        found[version].append(model)
    return found


def _feedback(connection: sqlite3.Connection, source: Sql) -> dict[str, list[FeedbackRow]]:
    given = source.cross_join("assessments a", "a.trace = t.num AND a.type = 'feedback' AND NOT a.deleted")
    found: dict[str, list[FeedbackRow]] = defaultdict(list)
    for version, *cells in connection.execute(
        "SELECT t.model_id, a.name, count(*), avg(CASE lower(a.text) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0"
        " WHEN 'yes' THEN 1.0 WHEN 'no' THEN 0.0"
        f" ELSE tracer_number(a.text) END) FROM {given.text} GROUP BY 1, 2 ORDER BY 3 DESC, 2",
        given.parameters,
    ):
        found[version].append(FeedbackRow(*cells))
    return found


def experiments(connection: sqlite3.Connection) -> list[ExperimentRow]:
    """Every experiment, oldest first."""
    rows = connection.execute(
        "SELECT e.id, e.name, (SELECT count(*) FROM traces WHERE experiment = e.id AND start IS NOT NULL),"
        " (SELECT max(start) FROM traces WHERE experiment = e.id) FROM experiments e ORDER BY e.id"
    )
    return [ExperimentRow(str(number), *rest) for number, *rest in rows]

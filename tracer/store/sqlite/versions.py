"""Versions of an app, feedback, and experiments: the sums of their traces."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tracer.semconv import EXAMPLE
from tracer.store.filter import Comparison, Expression, Field, Not, all_of
from tracer.store.numbers import finite
from tracer.store.percentiles import durations_of, exact_percentiles, percentile_errors
from tracer.store.rows import ExperimentRow, FeedbackRow, VersionRow
from tracer.store.sql import Fragment, Sql, columns
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.schema import LABEL_MODEL
from tracer.store.sqlite.selecting import selected
from tracer.store.sqlite.sessions import usage_shape

VERSIONS_LIMIT = 1000
NO_EXAMPLE = Not(Comparison(Field("tag", "any", EXAMPLE), "=", "true"))
TEXTS_LIMIT = 20
TEXT_LENGTH = 200
_LATENCIES = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
_YES_OR_NO = "lower(a.text) IN ('true', 'false', 'yes', 'no')"
SCORE = (
    "(CASE lower(a.text) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 WHEN 'yes' THEN 1.0 WHEN 'no' THEN 0.0"
    " ELSE tracer_number(a.text) END)"
)


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
    squared_tokens: float
    squared_cost: float
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
    "squared_tokens": "total(1.0 * t.total_tokens * t.total_tokens)",
    "squared_cost": "total(t.cost * t.cost)",
    "durations": "group_concat(t.duration)",
}


def versions(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> list[VersionRow]:
    """One row for each version that selected traces name, newest trace first; examples do not count."""
    source = selected(all_of(expression, NO_EXAMPLE), fulltext).sql.matching("t.model_id IS NOT NULL")
    totals = connection.execute(
        f"SELECT {columns(_Totals, **_TOTALS)} FROM {source.text}"
        f" GROUP BY 1 ORDER BY last DESC, 1 LIMIT {VERSIONS_LIMIT}",
        source.parameters,
    ).fetchall()
    models, names = _models(connection, source), _names(connection, source)
    given = _feedback(connection, source, "t.model_id")
    return [
        _version_row(total, models[total.model_id], given[total.model_id], names.get(total.model_id))
        for total in map(_Totals._make, totals)
    ]


def _version_row(total: _Totals, models: list[str], feedback: list[FeedbackRow], name: str | None) -> VersionRow:
    durations = durations_of(total.durations)
    p50, p95, p99 = exact_percentiles(durations)
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
        trace_name=name,
        uncertainty=uncertainty(
            total.trace_count, total.total_tokens, total.squared_tokens, total.cost or 0.0, total.squared_cost,
            durations,
        ),
    )  # fmt: skip


def uncertainty(
    count: int, tokens: float, squared_tokens: float, cost: float, squared_cost: float, durations: Sequence[int]
) -> dict[str, float]:
    """The standard errors of a version's figures, from sums, sums of squares and sorted durations in ns."""
    return {
        "tokens": _standard_error(count, tokens, squared_tokens),
        "cost": _standard_error(count, cost, squared_cost),
        **dict(zip(_LATENCIES, percentile_errors(durations))),
    }


def _standard_error(count: int, total: float, squared: float) -> float:
    """Of the mean of so many values, from their sum and the sum of their squares."""
    return _deviation(count, total, squared) / math.sqrt(count) if count else 0.0


def mean_and_deviation(count: int, total: float | None, squared: float | None) -> tuple[float | None, float | None]:
    """Of so many values, from their sum and the sum of their squares; None without values and for a sum too large."""
    if not count or total is None or finite(total) is None:
        return None, None
    return total / count, None if squared is None or finite(squared) is None else _deviation(count, total, squared)


def _deviation(count: int, total: float, squared: float) -> float:
    """The standard deviation of so many values, from their sum and the sum of their squares."""
    return math.sqrt(max(0.0, squared - total * total / count) / (count - 1)) if count > 1 else 0.0


def _names(connection: sqlite3.Connection, source: Sql) -> dict[str, str]:
    """The name of most traces of each version."""
    rows = connection.execute(
        f"SELECT t.model_id, t.name, count(*) FROM {source.matching('t.name IS NOT NULL').text} GROUP BY 1, 2"
        " ORDER BY 3, 2 DESC",
        source.parameters,
    )
    return {version: name for version, name, _ in rows}


def _models(connection: sqlite3.Connection, source: Sql) -> dict[str, list[str]]:
    labels = source.cross_join("labels l", Fragment("l.trace = t.num AND l.kind = ?", [LABEL_MODEL]))
    found: dict[str, list[str]] = defaultdict(list)
    for version, model in connection.execute(
        f"SELECT DISTINCT t.model_id, l.key FROM {labels.text} ORDER BY 2", labels.parameters
    ):
        found[version].append(model)
    return found


def feedback(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> list[FeedbackRow]:
    """Feedback on selected traces by name, the most frequent first."""
    return _feedback(connection, selected(expression, fulltext).sql, "''")[""]


def _feedback(connection: sqlite3.Connection, source: Sql, group: str) -> dict[str, list[FeedbackRow]]:
    """The same by group of traces."""
    given = source.cross_join("assessments a", "a.trace = t.num AND a.type = 'feedback' AND NOT a.deleted")
    found: dict[str, list[FeedbackRow]] = defaultdict(list)
    texts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for of, name, text, count in connection.execute(
        f"SELECT {group}, a.name, substr(a.text, 1, {TEXT_LENGTH}), count(*) FROM {given.text}"
        f" AND a.text IS NOT NULL AND {SCORE} IS NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC, 3",
        given.parameters,
    ):
        if len(texts[of, name]) < TEXTS_LIMIT:
            texts[of, name][text] = count
    for of, name, count, numbers, total, squared, answers in connection.execute(
        f"SELECT {group}, a.name, count(*), count({SCORE}), total({SCORE}), total({SCORE} * {SCORE}),"
        f" total({_YES_OR_NO})"
        f" FROM {given.text} GROUP BY 1, 2 ORDER BY 3 DESC, 2",
        given.parameters,
    ):
        mean, spread = mean_and_deviation(numbers, total, squared)
        found[of].append(FeedbackRow(name, count, mean, spread, texts.get((of, name), {}), 0 < numbers == answers))
    return found


def experiments(connection: sqlite3.Connection) -> list[ExperimentRow]:
    """Every experiment, oldest first."""
    rows = connection.execute(
        "SELECT e.id, e.name, (SELECT count(*) FROM traces WHERE experiment = e.id AND start IS NOT NULL),"
        " (SELECT max(start) FROM traces WHERE experiment = e.id) FROM experiments e ORDER BY e.id"
    )
    return [ExperimentRow(str(number), *rest) for number, *rest in rows]

"""Versions of an app, and experiments: what their traces come to."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tracer.store.filter import Expression
from tracer.store.rows import ExperimentRow, FeedbackRow, VersionRow
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.migrations import LABEL_MODEL
from tracer.store.sqlite.percentiles import durations_of, exact_percentiles
from tracer.store.sqlite.selecting import selected
from tracer.store.sqlite.sql import Fragment, Sql

_VERSIONS_LIMIT = 1000
_USAGE = ("input_tokens", "output_tokens", "total_tokens")


def versions(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> list[VersionRow]:
    """One row a version that selected traces name, the one with the newest trace first."""
    source = selected(expression, fulltext).sql.matching("t.model_id IS NOT NULL")
    totals = connection.execute(
        "SELECT t.model_id, count(*), sum(t.state = 'ERROR'), min(t.start), max(t.start), total(t.input_tokens),"
        " total(t.output_tokens), total(t.total_tokens), sum(t.cost), group_concat(t.duration)"
        f" FROM {source.text} GROUP BY 1 ORDER BY 5 DESC, 1 LIMIT {_VERSIONS_LIMIT}",
        source.parameters,
    ).fetchall()
    models, feedback = _models(connection, source), _feedback(connection, source)
    return [_version_row(row, models[row[0]], feedback[row[0]]) for row in totals]


def _version_row(total: Sequence[Any], models: list[str], feedback: list[FeedbackRow]) -> VersionRow:
    p50, p95, p99 = exact_percentiles(durations_of(total[9]))
    return VersionRow(
        model_id=total[0],
        trace_count=total[1],
        error_count=total[2],
        first=total[3],
        last=total[4],
        usage={key: int(tokens) for key, tokens in zip(_USAGE, total[5:8])},
        cost=total[8],
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
        "SELECT t.model_id, a.name, count(*), avg(CASE a.text WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0"
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

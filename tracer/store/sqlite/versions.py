"""Versions of an app, and experiments: what their traces come to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tracer.store.filter import Expression
from tracer.store.rows import ExperimentRow, FeedbackRow, VersionRow
from tracer.store.sqlite.compile import Matcher, Sql
from tracer.store.sqlite.migrations import LABEL_MODEL
from tracer.store.sqlite.percentiles import exact_percentiles
from tracer.store.sqlite.selecting import selected

_VERSIONS_LIMIT = 1000
_USAGE = ("input_tokens", "output_tokens", "total_tokens")


def versions(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> list[VersionRow]:
    """One row a version that selected traces name, the one with the newest trace first."""
    source = selected(expression, fulltext)
    totals = connection.execute(
        "SELECT t.model_id, count(*), sum(t.state = 'ERROR'), min(t.start), max(t.start), total(t.input_tokens),"
        f" total(t.output_tokens), total(t.total_tokens), sum(t.cost) FROM {source.text} AND t.model_id IS NOT NULL"
        f" GROUP BY 1 ORDER BY 5 DESC, 1 LIMIT {_VERSIONS_LIMIT}",
        source.parameters,
    ).fetchall()
    of_version = Sql(f"{source.text} AND t.model_id = ?", source.parameters)
    rows = []
    for total in totals:
        name = total[0]
        p50, p95, p99 = _latencies(connection, of_version, name)
        rows.append(
            VersionRow(
                model_id=name,
                trace_count=total[1],
                error_count=total[2],
                first=total[3],
                last=total[4],
                usage={key: int(tokens) for key, tokens in zip(_USAGE, total[5:8])},
                cost=total[8],
                latency_p50_ms=p50,
                latency_p95_ms=p95,
                latency_p99_ms=p99,
                models=_models(connection, of_version, name),
                feedback=_feedback(connection, of_version, name),
            )
        )
    return rows


def _latencies(connection: sqlite3.Connection, source: Sql, version: str) -> Sequence[float]:
    durations = connection.execute(
        f"SELECT t.duration FROM {source.text} AND t.duration IS NOT NULL", [*source.parameters, version]
    )
    return exact_percentiles([row[0] for row in durations])


def _models(connection: sqlite3.Connection, source: Sql, version: str) -> list[str]:
    rows = connection.execute(
        f"SELECT DISTINCT l.key FROM labels l WHERE l.kind = ? AND l.trace IN (SELECT t.num FROM {source.text})"
        " ORDER BY 1",
        [LABEL_MODEL, *source.parameters, version],
    )
    return [row[0] for row in rows]


def _feedback(connection: sqlite3.Connection, source: Sql, version: str) -> list[FeedbackRow]:
    rows = connection.execute(
        "SELECT a.name, count(*), avg(CASE a.text WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0"
        " ELSE tracer_number(a.text) END) FROM assessments a WHERE a.type = 'feedback' AND NOT a.deleted"
        f" AND a.trace IN (SELECT t.num FROM {source.text}) GROUP BY 1 ORDER BY 2 DESC, 1",
        [*source.parameters, version],
    )
    return [FeedbackRow(*row) for row in rows]


def experiments(connection: sqlite3.Connection) -> list[ExperimentRow]:
    """Every experiment, oldest first."""
    rows = connection.execute(
        "SELECT e.id, e.name, (SELECT count(*) FROM traces WHERE experiment = e.id AND start IS NOT NULL),"
        " (SELECT max(start) FROM traces WHERE experiment = e.id) FROM experiments e ORDER BY e.id"
    )
    return [ExperimentRow(str(number), *rest) for number, *rest in rows]

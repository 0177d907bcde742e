"""The sums of the traces of runs, and of the scores that evaluations gave in them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

from tracer.semconv import EVALUATION_RUN
from tracer.store.numbers import finite
from tracer.store.percentiles import durations_of, exact_percentiles
from tracer.store.rows import RunSums, ScoreRow
from tracer.store.sql import marks
from tracer.store.sqlite.sessions import usage_shape
from tracer.store.sqlite.versions import SCORE

_AT_ONCE = 500


def run_sums(connection: sqlite3.Connection, run_ids: Sequence[str]) -> list[RunSums]:
    """One row for each of these runs that has traces."""
    parts = [list(run_ids[start : start + _AT_ONCE]) for start in range(0, len(run_ids), _AT_ONCE)]
    return [row for part in parts for row in _sums(connection, part)]


def _sums(connection: sqlite3.Connection, run_ids: list[str]) -> list[RunSums]:
    of_runs = f"t.run_id IN ({marks(run_ids)}) AND t.start IS NOT NULL"
    totals = connection.execute(
        "SELECT t.run_id, count(*), sum(t.state = 'ERROR'), total(t.input_tokens), total(t.output_tokens),"
        f" total(t.total_tokens), sum(t.cost), group_concat(t.duration) FROM traces t WHERE {of_runs} GROUP BY 1",
        run_ids,
    ).fetchall()
    versions: dict[str, list[str]] = defaultdict(list)
    for run_id, model_id in connection.execute(
        f"SELECT t.run_id, t.model_id FROM traces t WHERE {of_runs} AND t.model_id IS NOT NULL"
        " GROUP BY 1, 2 ORDER BY count(*) DESC, 2",
        run_ids,
    ):
        versions[run_id].append(model_id)
    scores: dict[str, list[ScoreRow]] = defaultdict(list)
    for run_id, name, count, mean, failed in connection.execute(
        f"SELECT t.run_id, a.name, count(a.text), total({SCORE}) / nullif(count({SCORE}), 0),"
        " count(DISTINCT t.num) - count(DISTINCT CASE WHEN a.text IS NOT NULL THEN t.num END)"
        " FROM traces t CROSS JOIN assessments a"
        f" WHERE {of_runs} AND a.trace = t.num AND a.type = 'feedback' AND NOT a.deleted"
        f" AND instr(a.metadata, '\"{EVALUATION_RUN}\":\"' || t.run_id || '\"') GROUP BY 1, 2 ORDER BY 1, 2",
        run_ids,
    ):
        scores[run_id].append(ScoreRow(name, count, finite(mean), failed))
    return [
        RunSums(
            run_id,
            count,
            errors,
            usage_shape(*tokens),
            cost,
            *exact_percentiles(durations_of(durations)),
            versions[run_id],
            scores[run_id],
        )
        for run_id, count, errors, *tokens, cost, durations in totals
    ]

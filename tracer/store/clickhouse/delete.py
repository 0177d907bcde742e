"""Deletes traces: a mark that every read sees at once, whatever arrives late, and empty rows in the place of theirs.

ClickHouse takes the old rows off the disk as it merges them with the empty ones: for a week in which nothing is written
any more by a setting of the tables, migrations.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tracer.store.clickhouse.append import Lives, write_changes, write_tombstones
from tracer.store.clickhouse.attachments import delete_unused_attachments
from tracer.store.clickhouse.compile import compile_expression
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.deletions import noted
from tracer.store.clickhouse.places import spans_of, traces_of
from tracer.store.clickhouse.spans import HIDDEN, SHOWN
from tracer.store.filter import Expression
from tracer.store.sql import Cells, Fragment, Sql

_AT_ONCE = 1000


def delete_traces(
    connection: Connection, *, trace_ids: Sequence[str] | None, filter: Expression | None, limit: int | None
) -> int:
    """Delete the traces that ids and filter select, oldest first; returns their number."""
    chosen = _selected(connection, trace_ids, filter, limit)
    for start in range(0, len(chosen), _AT_ONCE):
        lives = dict(chosen[start : start + _AT_ONCE])
        with noted(connection, {"lives": lives}):
            delete_lives(connection, lives)
    return len(chosen)


def delete_lives(connection: Connection, lives: Lives) -> None:
    """Delete these lives of traces; it can be called again, also when a trace has another life."""
    number = connection.number()
    write_tombstones(connection, lives, number)
    write_changes(connection, number, list(lives))
    delete_unused_attachments(connection, _attachments_of(connection, list(lives)))
    for life in set(lives.values()):
        _empty(connection, [trace_id for trace_id in lives if lives[trace_id] == life], life)


def _attachments_of(connection: Connection, trace_ids: Sequence[str]) -> list[str]:
    """Those that spans of traces name, also spans that came while the traces were deleted."""
    of_these = spans_of(trace_ids)
    rows = connection.rows(f"SELECT DISTINCT arrayJoin(digests) FROM spans WHERE {of_these.text}", of_these.parameters)
    return [row[0] for row in rows]


def _empty(connection: Connection, trace_ids: Sequence[str], life: int) -> None:
    """Put empty rows in the place of what traces had in a life."""
    of_these = spans_of(trace_ids)
    empty_spans(connection, Fragment(f"{of_these.text} AND life = ?", (*of_these.parameters, life)))
    empty_facts(connection, Fragment("trace_id IN ? AND life = ?", cast("Cells", [list(trace_ids), life])))


def empty_spans(connection: Connection, of_these: Fragment) -> None:
    """Put empty rows in the place of some spans."""
    connection.command(
        f"INSERT INTO spans (trace_id, life, span_id, rank, start) SELECT DISTINCT trace_id, life, span_id, {HIDDEN},"
        f" start FROM spans WHERE {of_these.text} AND {SHOWN}",
        of_these.parameters,
    )


def empty_facts(connection: Connection, of_these: Fragment) -> None:
    """Put empty rows in the place of some facts, in the months in which those are."""
    connection.command(
        "INSERT INTO facts (trace_id, life, kind, key, at, place, version, record) SELECT DISTINCT trace_id, life,"
        f" kind, key, at, place, {_GREATEST}, '' FROM facts WHERE {of_these.text} AND record != ''",
        of_these.parameters,
    )


_GREATEST = "toUInt64(18446744073709551615)"  # version


def _selected(
    connection: Connection, trace_ids: Sequence[str] | None, filter: Expression | None, limit: int | None
) -> list[tuple[str, int]]:
    if limit is not None and limit <= 0:
        return []
    sql = Sql("traces FINAL", "NOT deleted").matching(compile_expression(filter) if filter else None)
    if trace_ids is None:
        sql = sql.matching("start IS NOT NULL")
    else:
        sql = sql.matching(traces_of(trace_ids))
    at_most = "" if limit is None else f" LIMIT {int(limit)}"
    rows = connection.rows(
        f"SELECT trace_id, life FROM {sql.text} ORDER BY ifNull(start, 0), born, trace_id{at_most}",
        sql.parameters,
    )
    return [(trace_id, life) for trace_id, life in rows]

"""Deletes traces with all that belongs to them: payloads, index entries, roll-up, attachments nobody else uses."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tracer.store.filter import Expression
from tracer.store.sqlite.compile import Matcher, compile_expression
from tracer.store.sqlite.hours import take_out_spans
from tracer.store.sqlite.indexing import indexed_texts
from tracer.store.sqlite.known import load_facts
from tracer.store.sqlite.migrations import POSITION_BITS, POSITION_MASK

_TRACES_AT_ONCE = 200  # short transactions, so that writers get their turn

Run = Callable[[Callable[[sqlite3.Connection], Any]], Any]


def delete_traces(
    run: Run,
    *,
    trace_ids: Sequence[str] | None,
    filter: Expression | None,
    limit: int | None,
    matcher: Callable[[sqlite3.Connection], Matcher],
) -> int:
    """Delete what ids and filter name, oldest first, in short transactions; returns how many traces went."""
    nums: list[int] = run(lambda connection: _selected(connection, trace_ids, filter, limit, matcher(connection)))
    deleted = 0
    for start in range(0, len(nums), _TRACES_AT_ONCE):
        part = nums[start : start + _TRACES_AT_ONCE]
        deleted += run(partial(_delete, nums=part))
    return deleted


def _selected(
    connection: sqlite3.Connection,
    trace_ids: Sequence[str] | None,
    filter: Expression | None,
    limit: int | None,
    fulltext: Matcher,
) -> list[int]:
    condition = compile_expression(filter, fulltext) if filter else None
    where = f" AND {condition.text}" if condition else ""
    parameters = condition.parameters if condition else []
    if trace_ids is None:
        rows = connection.execute(
            f"SELECT t.num FROM traces t WHERE t.start IS NOT NULL{where} ORDER BY t.start, t.num LIMIT ?",
            [*parameters, -1 if limit is None else limit],
        )
        return [row[0] for row in rows]
    found: list[tuple[int, int]] = []
    for index in range(0, len(trace_ids), 500):
        part = list(trace_ids[index : index + 500])
        found += connection.execute(
            f"SELECT ifnull(t.start, 0), t.num FROM traces t WHERE t.trace_id IN ({','.join('?' * len(part))}){where}",
            [*part, *parameters],
        ).fetchall()
    return [num for _, num in sorted(set(found))][:limit]


def _delete(connection: sqlite3.Connection, nums: Sequence[int]) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        deleted = sum(_delete_trace(connection, num) for num in nums)
        _delete_unused_attachments(connection)
        if deleted:
            connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'seq'")
        connection.execute("COMMIT")
        return deleted
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _delete_trace(connection: sqlite3.Connection, num: int) -> int:
    bounds = (num << POSITION_BITS, num << POSITION_BITS | POSITION_MASK)
    facts = list(load_facts(connection, num))
    take_out_spans(connection, facts)
    chunk_rows = connection.execute(
        "SELECT id, trace, first, codec, content FROM chunks"
        " WHERE id IN (SELECT DISTINCT chunk FROM spans WHERE id BETWEEN ? AND ?)",
        bounds,
    ).fetchall()
    # a contentless index forgets a text only when it is told the text
    gone = indexed_texts(connection, chunk_rows)
    connection.executemany("INSERT INTO texts(texts, rowid, text) VALUES ('delete', ?, ?)", gone)
    connection.executemany("DELETE FROM chunks WHERE id = ?", [(row[0],) for row in chunk_rows])
    connection.execute("DELETE FROM spans WHERE id BETWEEN ? AND ?", bounds)
    connection.execute("UPDATE counters SET value = value - ? WHERE name = 'spans'", (len(facts),))
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS unused_candidates(digest TEXT PRIMARY KEY)",
    )
    connection.execute(
        "INSERT OR IGNORE INTO unused_candidates SELECT digest FROM attachment_uses WHERE trace = ?", (num,)
    )
    for table in ("running", "labels", "assessments", "attachment_uses"):
        connection.execute(f"DELETE FROM {table} WHERE trace = ?", (num,))
    return connection.execute("DELETE FROM traces WHERE num = ?", (num,)).rowcount


def _delete_unused_attachments(connection: sqlite3.Connection) -> None:
    if not connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'unused_candidates'").fetchone():
        return
    connection.execute(
        "DELETE FROM attachments WHERE digest IN (SELECT digest FROM unused_candidates)"
        " AND digest NOT IN (SELECT digest FROM attachment_uses)"
    )
    connection.execute("DELETE FROM unused_candidates")

"""Deletes traces with their payloads, index entries, roll-up, and attachments that no other trace uses."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tracer.store.filter import Expression
from tracer.store.sql import Sql, marks
from tracer.store.sqlite.attachments import delete_unused, remove_unknown, removing
from tracer.store.sqlite.blocks import PACKED, without_base
from tracer.store.sqlite.compile import Matcher, compile_expression
from tracer.store.sqlite.connection import transaction
from tracer.store.sqlite.hours import remove_spans
from tracer.store.sqlite.indexing import BLOCK_COLUMNS, indexed_texts, take_out
from tracer.store.sqlite.known import load_facts
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK

_TRACES_AT_ONCE = 200  # short transactions, so that writers get their turn
_BLOCKS_AT_ONCE = 200
_PAGES_AT_ONCE = 256  # 2 MiB: short transactions here, too
_INCREMENTAL = 2
_WORTH_WRITING_ANEW = 4  # where more than the fourth part of a file is free
_REMEMBERED_NS = 30 * 24 * 3600 * 1_000_000_000  # a record that arrives longer after a deletion than this counts as new
_BLOCKS_OF_TRACE = (
    "SELECT chunk FROM spans WHERE id BETWEEN ?1 AND ?2 UNION SELECT chunk FROM replaced WHERE id BETWEEN ?1 AND ?2"
)

Run = Callable[[Callable[[sqlite3.Connection], Any]], Any]


def delete_traces(
    run: Run,
    *,
    trace_ids: Sequence[str] | None,
    filter: Expression | None,
    limit: int | None,
    matcher: Callable[[sqlite3.Connection], Matcher],
) -> int:
    """Delete the traces that ids and filter select, oldest first, in short transactions; returns their number."""
    nums: list[int] = run(lambda connection: _selected(connection, trace_ids, filter, limit, matcher(connection)))
    deleted = 0
    for start in range(0, len(nums), _TRACES_AT_ONCE):
        part = nums[start : start + _TRACES_AT_ONCE]
        while run(partial(_detach_some, nums=part)):
            pass
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
    if trace_ids is None:
        listed = Sql("traces t", "t.start IS NOT NULL").matching(condition)
        rows = connection.execute(
            f"SELECT t.num FROM {listed.text} ORDER BY t.start, t.num LIMIT ?",
            [*listed.parameters, -1 if limit is None else limit],
        )
        return [row[0] for row in rows]
    found: list[tuple[int, int]] = []
    for index in range(0, len(trace_ids), 500):
        part = trace_ids[index : index + 500]
        named = Sql("traces t", f"t.trace_id IN ({marks(part)})", part).matching(condition)
        found += connection.execute(f"SELECT ifnull(t.start, 0), t.num FROM {named.text}", named.parameters).fetchall()
    return [num for _, num in sorted(set(found))][:limit]


def _detach_some(connection: sqlite3.Connection, nums: Sequence[int]) -> bool:
    """Give some blocks of other traces their own texts in place of those in these traces; whether more are left."""
    left = _dependents(connection, nums)
    if not left:
        return False
    with transaction(connection):
        _detach(connection, _dependents(connection, nums)[:_BLOCKS_AT_ONCE])
    return len(left) > _BLOCKS_AT_ONCE


def _dependents(connection: sqlite3.Connection, nums: Sequence[int]) -> list[int]:
    """The blocks of other traces that share the texts of these."""
    going = set(nums)
    rows = [
        row
        for num in nums
        for row in connection.execute(f"SELECT id, trace FROM chunks WHERE base IN ({_BLOCKS_OF_TRACE})", _bounds(num))
    ]
    return [block for block, trace in rows if trace not in going]


def _detach(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    for block in ids:
        (packed,) = connection.execute(f"SELECT {PACKED} FROM chunks c WHERE c.id = ?", (block,))
        connection.execute(
            "UPDATE chunks SET codec = ?, content = ?, base = NULL WHERE id = ?", (*without_base(*packed), block)
        )


def _delete(connection: sqlite3.Connection, nums: Sequence[int]) -> int:
    with removing(connection) as gone:
        _detach(connection, _dependents(connection, nums))  # blocks that were written since
        blocks = [row for num in nums for row in connection.execute(_BLOCKS_OF_TRACE, _bounds(num))]
        now = time.time_ns()
        deleted = sum(_delete_trace(connection, num, now) for num in nums)
        connection.execute("DELETE FROM deleted WHERE time < ?", (now - _REMEMBERED_NS,))
        connection.executemany("DELETE FROM chunks WHERE id = ?", blocks)
        gone += _delete_unused_attachments(connection)
        if deleted:
            connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'seq'")
    return deleted


def release_space(connection: sqlite3.Connection, *, whole: bool) -> bool:
    """Give some free pages back to the disk; whether there are more.

    A file of an earlier version has to be written anew for that, which is done for ``whole`` if much of it is free.
    """
    if whole:
        remove_unknown(connection)
    free, pages, mode = (_pragma(connection, name) for name in ("freelist_count", "page_count", "auto_vacuum"))
    if mode == _INCREMENTAL:
        # a row without columns for each page: `execute` would end after the first
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        return free > _PAGES_AT_ONCE
    if whole and free * _WORTH_WRITING_ANEW > pages:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
    return False


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _bounds(num: int) -> tuple[int, int]:
    return num << POSITION_BITS, num << POSITION_BITS | POSITION_MASK


def _delete_trace(connection: sqlite3.Connection, num: int, now: int) -> int:
    """Delete a trace but for its blocks: those of traces to be deleted next may be based on them."""
    bounds = _bounds(num)
    facts = list(load_facts(connection, num))
    remove_spans(connection, facts)
    block_rows = connection.execute(
        f"SELECT {BLOCK_COLUMNS} FROM chunks c WHERE c.id IN ({_BLOCKS_OF_TRACE})", bounds
    ).fetchall()
    take_out(connection, indexed_texts(connection, block_rows))
    connection.execute("DELETE FROM spans WHERE id BETWEEN ? AND ?", bounds)
    connection.execute("DELETE FROM replaced WHERE id BETWEEN ? AND ?", bounds)
    connection.execute("DELETE FROM logs WHERE trace_id = (SELECT trace_id FROM traces WHERE num = ?)", (num,))
    connection.execute("UPDATE counters SET value = value - ? WHERE name = 'spans'", (len(facts),))
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS unused_candidates(digest TEXT PRIMARY KEY)",
    )
    connection.execute(
        "INSERT OR IGNORE INTO unused_candidates(digest) SELECT digest FROM attachment_uses WHERE trace = ?", (num,)
    )
    for table in ("running", "labels", "assessments", "attachment_uses", "aliases"):
        connection.execute(f"DELETE FROM {table} WHERE trace = ?", (num,))
    connection.execute(
        "INSERT OR REPLACE INTO deleted(trace_id, time) SELECT trace_id, ? FROM traces WHERE num = ?", (now, num)
    )
    return connection.execute("DELETE FROM traces WHERE num = ?", (num,)).rowcount


def _delete_unused_attachments(connection: sqlite3.Connection) -> list[str]:
    if not connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'unused_candidates'").fetchone():
        return []
    candidates = connection.execute("DELETE FROM unused_candidates RETURNING digest").fetchall()
    return delete_unused(connection, [digest for (digest,) in candidates])

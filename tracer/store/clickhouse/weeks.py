"""Deletes weeks as a whole: their traces by one statement, their spans with the partition that has them.

The rows of the traces are hidden, as by any deletion, and stay as marks: late records are dropped. A trace that
arrives in such a week between the statements, from a clock that is weeks behind or by a copy, may be hidden, too, and a
span of a newer trace may go; a trace that comes into being after them, of spans that went with the partition, is
deleted by the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone

from tracer.store.clickhouse.append import write_changes
from tracer.store.clickhouse.attachments import delete_unused_attachments
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.delete import empty_facts, empty_spans
from tracer.store.clickhouse.deletions import noted
from tracer.store.clickhouse.layout import local_table, on_each_shard, parts
from tracer.store.clickhouse.places import FIRST_HOUR, HOUR_NS, WEEK
from tracer.store.sql import Fragment

_HOURS = 7 * 24
_VERSION = "bitOr(bitShiftLeft(toUInt64(2 * life + 1), 52), toUInt64(?))"  # append.py::version_of
_WITHIN = "hour >= ? AND hour < ?"
_LIVE = f"SELECT trace_id FROM traces FINAL WHERE {_WITHIN} AND deleted = 0"


def delete_weeks(connection: Connection, before: int) -> int:
    """Delete the weeks that ended before a time in ns, but for those with a trace that runs; the number of traces."""
    number = 0
    for partition in _weeks(connection, before):
        first = _first_hour(partition)
        # the first week also has all earlier traces, and those without a time
        if first > FIRST_HOUR and (first + _HOURS) * HOUR_NS <= before and _is_over(connection, first):
            number += _delete(connection, partition, first)
    return number


def _weeks(connection: Connection, before: int) -> list[str]:
    """The partitions that have spans, and those before a time that have a trace, or one that is not merged away."""
    address = connection.address
    found = connection.rows(
        f"SELECT DISTINCT partition FROM {parts(address)} WHERE active AND database = '{address.database}'"
        f" AND table = '{local_table('spans', address)}' UNION DISTINCT"
        f" SELECT DISTINCT toString({WEEK}) FROM traces WHERE hour < ? AND deleted = 0",
        [before // HOUR_NS],
    )
    return sorted(partition for (partition,) in found)


def _first_hour(partition: str) -> int:
    monday = date.fromisoformat(partition)
    return int(datetime(monday.year, monday.month, monday.day, tzinfo=timezone.utc).timestamp()) // 3600


def _is_over(connection: Connection, first: int) -> bool:
    """Whether no trace of the week runs, and none of another week, that is still there, has spans in it."""
    within = [first, first + _HOURS]
    ((running, elsewhere),) = connection.rows(
        f"SELECT (SELECT count() FROM traces FINAL WHERE {_WITHIN} AND deleted = 0 AND state = 'IN_PROGRESS'),"
        f" (SELECT count() FROM traces FINAL WHERE NOT ({_WITHIN}) AND deleted = 0 AND (hour, trace_id) IN"
        f" (SELECT own, trace_id FROM traces FINAL WHERE {_WITHIN} AND deleted = 2))",
        within * 3,
    )
    return (running, elsewhere) == (0, 0)


def _delete(connection: Connection, partition: str, first: int) -> int:
    address = connection.address
    digests = _digests(connection, first)
    with noted(connection, {"week": partition, "digests": sorted(digests)}):
        hidden = _hide(connection, first)
        connection.command(
            f"ALTER TABLE {local_table('spans', address)} {on_each_shard(address)} DROP PARTITION '{partition}'"
        )
        digests |= _digests(connection, first)
        hidden += _hide(connection, first)  # traces that came meanwhile may have lost spans
        clear_week(connection, partition, sorted(digests))
    return hidden


def clear_week(connection: Connection, partition: str, digests: Sequence[str]) -> None:
    """Take off the disk what is left of the hidden traces of a week; it can be called again."""
    address, first = connection.address, _first_hour(partition)
    within = first, first + _HOURS
    hidden = f"SELECT trace_id, life FROM traces WHERE {_WITHIN} AND deleted = 1"
    elsewhere = f"SELECT hour, trace_id FROM places WHERE hour >= ? AND trace_id IN (SELECT trace_id FROM ({hidden}))"
    empty_spans(  # those in later weeks
        connection,
        Fragment(
            f"(hour, trace_id) IN ({elsewhere}) AND (trace_id, life) IN ({hidden})", (within[1], *within, *within)
        ),
    )
    empty_facts(connection, Fragment(f"(trace_id, life) IN ({hidden})", within))
    connection.command(
        f"OPTIMIZE TABLE {local_table('traces', address)} {on_each_shard(address)} PARTITION '{partition}' FINAL"
    )
    delete_unused_attachments(connection, digests)


def _digests(connection: Connection, first: int) -> set[str]:
    """The attachments that the traces of a week name."""
    rows = connection.rows(
        f"SELECT DISTINCT arrayJoin(digests) FROM traces FINAL WHERE {_WITHIN} AND deleted = 0",
        [first, first + _HOURS],
    )
    return {row[0] for row in rows}


def _hide(connection: Connection, first: int) -> int:
    """Hide the traces of a week, in each hour in which they have rows; their number."""
    within = [first, first + _HOURS]
    ((count, one),) = connection.rows(f"SELECT count(), any(trace_id) FROM ({_LIVE})", within)
    if not count:
        return 0
    number = connection.number()
    connection.command(
        "INSERT INTO traces (trace_id, life, deleted, hour, own, seq, version)"
        f" SELECT trace_id, life, 1, hour, hour, ?, {_VERSION} FROM traces FINAL"
        f" WHERE deleted != 1 AND (hour, trace_id) IN (SELECT hour, trace_id FROM places WHERE trace_id IN ({_LIVE}))",
        [number, number, *within],
    )
    write_changes(connection, number, [one])  # readers of changes need a new number, but no list of deleted traces
    return int(count)

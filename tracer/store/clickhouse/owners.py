"""The processes whose spans run: when each was heard of last, by any of the servers, and what a dead one left."""

from __future__ import annotations

import time

from tracer.store.clickhouse.append import fact, roll_up, stored_rows
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import spans_of

_NOTED_EVERY_SECONDS = 20.0
_ALIVE_SECONDS = 120  # a process is heard of every 30 seconds, also when it has nothing to send
_REMEMBERED = 10_000


class Heartbeats:
    """Notes that a process was heard of: in the store, as another server may hear of it next."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def note(self, connection: Connection, owner: str) -> None:
        """Note it, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._noted.get(owner, -_NOTED_EVERY_SECONDS) < _NOTED_EVERY_SECONDS:
            return
        connection.insert("heartbeats", [{"owner": owner}])
        if len(self._noted) >= _REMEMBERED:
            self._noted.clear()
        self._noted[owner] = now


def running_owners(connection: Connection) -> list[str]:
    """The processes with spans that still run, but for those that were heard of lately."""
    rows = connection.rows(
        "SELECT DISTINCT arrayJoin(owners) AS owner FROM traces FINAL WHERE NOT deleted AND notEmpty(owners)"
        " AND owner NOT IN (SELECT owner FROM heartbeats GROUP BY owner"
        f" HAVING max(at) > now64(3) - INTERVAL {_ALIVE_SECONDS} SECOND)"
    )
    return [row[0] for row in rows]


def owner_gone(connection: Connection, owner: str) -> None:
    """Mark the spans that a dead process left running as interrupted."""
    found = connection.rows(
        "SELECT trace_id FROM traces FINAL WHERE has(owners, ?) AND NOT deleted ORDER BY trace_id", [owner]
    )
    if not found:
        return
    stored = stored_rows(connection, [row[0] for row in found], frozenset())
    of_these = spans_of(list(stored))
    running = connection.rows(
        f"SELECT trace_id, life, span_id FROM spans FINAL WHERE {of_these.text} AND owner = ? AND rank IN (1, 2)",
        [*of_these.parameters, owner],
    )
    rows = [fact(trace_id, life, "gone", span_id, 0, {}) for trace_id, life, span_id in running]
    connection.insert_in_parts("facts", rows)
    roll_up(connection, stored)

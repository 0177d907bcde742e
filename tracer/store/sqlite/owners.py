"""Marks the spans that a dead process left running."""

from __future__ import annotations

import sqlite3

from tracer.store.sqlite.connection import transaction


def owner_gone(connection: sqlite3.Connection, owner: str) -> None:
    """Traces that only dead processes still run become INTERRUPTED."""
    if not _has_running(connection, owner):
        return
    with transaction(connection):
        connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'seq'")
        # each of these traces changes, also where another process still runs it: an append may be planned meanwhile
        connection.execute(
            "UPDATE traces SET seq = (SELECT value FROM counters WHERE name = 'seq')"
            " WHERE num IN (SELECT trace FROM running WHERE owner = ? AND gone = 0)",
            (owner,),
        )
        connection.execute("UPDATE running SET gone = 1 WHERE owner = ? AND gone = 0", (owner,))
        connection.execute(
            "UPDATE traces SET state = 'INTERRUPTED'"
            " WHERE num IN (SELECT trace FROM running WHERE owner = ?) AND state = 'IN_PROGRESS'"
            " AND NOT EXISTS (SELECT 1 FROM running r WHERE r.trace = traces.num AND r.gone = 0)",
            (owner,),
        )


def running_owners(connection: sqlite3.Connection) -> list[str]:
    """The processes with spans that still run."""
    rows = connection.execute("SELECT DISTINCT owner FROM running WHERE gone = 0 AND owner IS NOT NULL")
    return [row[0] for row in rows]


def _has_running(connection: sqlite3.Connection, owner: str) -> bool:
    return connection.execute("SELECT 1 FROM running WHERE owner = ? AND gone = 0", (owner,)).fetchone() is not None

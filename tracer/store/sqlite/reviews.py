"""Review queues."""

from __future__ import annotations

import sqlite3
import time as clock

import orjson

from tracer._json import JsonObject
from tracer.store.reviews import CONTENT, queue_id_of
from tracer.store.rows import StoredQueue
from tracer.store.sqlite.connection import transaction


def read_review_queues(connection: sqlite3.Connection, queue_id: str | None) -> list[StoredQueue]:
    """The queues, newest first."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'review_queues'").fetchone() is None:
        return []  # a store of an earlier version that this user may only read
    rows = connection.execute(
        "SELECT queue_id, name, created, updated, content FROM review_queues"
        f" {'WHERE queue_id = ?' if queue_id is not None else ''} ORDER BY created DESC, name",
        () if queue_id is None else (queue_id,),
    )
    return [StoredQueue(*head, **orjson.loads(content)) for *head, content in rows]


def write_review_queue(connection: sqlite3.Connection, queue: JsonObject) -> StoredQueue:
    """Make or change the queue of a name."""
    now, name = clock.time_ns(), queue["name"]
    content = orjson.dumps({field: queue[field] for field in CONTENT}).decode()
    with transaction(connection):
        connection.execute(
            "INSERT INTO review_queues(queue_id, name, created, updated, content) VALUES (?,?,?,?,?)"
            " ON CONFLICT(queue_id) DO UPDATE SET updated = excluded.updated, content = excluded.content",
            (queue_id_of(name), name, now, now, content),
        )
        [written] = read_review_queues(connection, queue_id_of(name))
    return written


def delete_review_queue(connection: sqlite3.Connection, queue_id: str) -> None:
    """Delete a queue."""
    with transaction(connection):
        connection.execute("DELETE FROM review_queues WHERE queue_id = ?", (queue_id,))

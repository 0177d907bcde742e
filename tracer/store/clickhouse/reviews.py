"""Review queues, as documents."""

from __future__ import annotations

import time as clock

from tracer._json import JsonObject
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Contents, Document, change, read, read_all
from tracer.store.reviews import CONTENT, queue_id_of
from tracer.store.rows import StoredQueue

_KIND, _SELF = "queue", "q"


def read_review_queues(connection: Connection, queue_id: str | None) -> list[StoredQueue]:
    """The queues, newest first."""
    if queue_id is None:
        found = read_all(connection, _KIND, _SELF)
    else:
        own = read(connection, _KIND, queue_id, [_SELF])
        found = {queue_id: own[_SELF]} if own else {}
    rows = [StoredQueue(identity, **content) for identity, content in found.items()]
    return sorted(rows, key=lambda row: (-row.created, row.name))


def write_review_queue(connection: Connection, queue: JsonObject) -> StoredQueue:
    """Make or change the queue of a name."""
    now, identity = clock.time_ns(), queue_id_of(queue["name"])

    def make(found: Contents) -> list[Document]:
        created = found[_SELF]["created"] if _SELF in found else now
        content = {field: queue[field] for field in CONTENT}
        return [Document(_SELF, {"name": queue["name"], "created": created, "updated": now, **content})]

    change(connection, _KIND, identity, make, [_SELF])
    (written,) = read_review_queues(connection, identity)
    return written


def delete_review_queue(connection: Connection, queue_id: str) -> None:
    """Delete a queue."""
    change(connection, _KIND, queue_id, lambda found: [Document(_SELF, None)] if found else [], [_SELF])

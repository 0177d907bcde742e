"""Deletions that have begun: a note of each, until all of it is done, so that one that broke off can be finished.

A deletion hides its traces first. Whoever asks for it again finds none to delete, and knows nothing of what is left to
do: a process that was killed, or an engine that refused a later statement, would leave texts and images on disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from tracer._json import JsonObject
from tracer.store.clickhouse.connection import Connection

_OLD_SECONDS = 60  # a request is answered within that


@contextmanager
def noted(connection: Connection, content: JsonObject) -> Iterator[None]:
    """Keep a note while the block runs, and where it fails."""
    id = os.urandom(16).hex()
    _write(connection, id, content, is_done=False)
    yield
    done(connection, id)


def left_behind(connection: Connection) -> list[tuple[str, JsonObject]]:
    """The notes of deletions that broke off, with their ids."""
    rows = connection.rows(
        f"SELECT id, content FROM deletions FINAL WHERE NOT done AND at < now64(3) - INTERVAL {_OLD_SECONDS} SECOND"
        " ORDER BY at, id"
    )
    return [(id, orjson.loads(content)) for id, content in rows]


def done(connection: Connection, id: str) -> None:
    """Take a note away."""
    _write(connection, id, {}, is_done=True)


def _write(connection: Connection, id: str, content: JsonObject, *, is_done: bool) -> None:
    connection.insert("deletions", [{"id": id, "done": int(is_done), "content": orjson.dumps(content).decode()}])

"""Policies of retention."""

from __future__ import annotations

import sqlite3
import time as clock

import orjson

from tracer._json import JsonObject
from tracer.store.policies import CONTENT, stored_policy
from tracer.store.rows import StoredPolicy
from tracer.store.sqlite.connection import transaction


def read_policies(connection: sqlite3.Connection) -> list[StoredPolicy]:
    """The policies, by name."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'policies'").fetchone() is None:
        return []  # a store of an earlier version that this user may only read
    rows = connection.execute("SELECT name, created, updated, content FROM policies ORDER BY name")
    return [stored_policy({"name": name, **orjson.loads(content)}, *times) for name, *times, content in rows]


def write_policy(connection: sqlite3.Connection, policy: JsonObject) -> StoredPolicy:
    """Make or change the policy of a name."""
    now, content = clock.time_ns(), orjson.dumps({field: policy[field] for field in CONTENT}).decode()
    with transaction(connection):
        connection.execute(
            "INSERT INTO policies(name, created, updated, content) VALUES (?,?,?,?)"
            " ON CONFLICT(name) DO UPDATE SET updated = excluded.updated, content = excluded.content",
            (policy["name"], now, now, content),
        )
    return next(each for each in read_policies(connection) if each.name == policy["name"])


def delete_policy(connection: sqlite3.Connection, name: str) -> None:
    """Delete a policy."""
    with transaction(connection):
        connection.execute("DELETE FROM policies WHERE name = ?", (name,))

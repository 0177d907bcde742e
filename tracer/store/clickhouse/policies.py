"""Policies of retention, as documents."""

from __future__ import annotations

import time as clock

from tracer._json import JsonObject
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Contents, Document, change, read
from tracer.store.policies import CONTENT, stored_policy
from tracer.store.rows import StoredPolicy

_KIND, _OWNER = "policies", ""


def read_policies(connection: Connection) -> list[StoredPolicy]:
    """The policies, by name."""
    found = read(connection, _KIND, _OWNER)
    return [stored_policy(each, each["created"], each["updated"]) for _, each in sorted(found.items())]


def write_policy(connection: Connection, policy: JsonObject) -> StoredPolicy:
    """Make or change the policy of a name."""
    now, name = clock.time_ns(), policy["name"]
    content = {field: policy[field] for field in ("name", *CONTENT)}

    def make(found: Contents) -> list[Document]:
        created = found[name]["created"] if name in found else now
        return [Document(name, {**content, "created": created, "updated": now})]

    change(connection, _KIND, _OWNER, make, [name])
    return next(each for each in read_policies(connection) if each.name == name)


def delete_policy(connection: Connection, name: str) -> None:
    """Delete a policy."""
    change(connection, _KIND, _OWNER, lambda found: [Document(name, None)] if found else [], [name])

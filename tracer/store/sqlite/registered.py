"""Versions of prompts and of registered models: each name counts its own, in the order in which they come."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from tracer import store
from tracer._json import JsonObject
from tracer.store.sql import marks

_COLUMNS = "r.name, r.number, r.id, r.created, r.tags, r.content"
_PUT_ALIAS = """INSERT INTO registered_aliases(kind, name, alias, id, time) VALUES (?,?,?,?,?)
    ON CONFLICT DO UPDATE SET id = excluded.id, time = excluded.time WHERE excluded.time >= time"""


def write_registered(connection: sqlite3.Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of versions and of aliases. A stored version keeps its number."""
    for record in records:
        if record["kind"] == "alias":
            row = (record["of"], record["name"], record["alias"], record.get("id"), record.get("time", 0))
            connection.execute(_PUT_ALIAS, row)
        else:
            _write_version(connection, record)


def _write_version(connection: sqlite3.Connection, record: JsonObject) -> None:
    name = (record["of"], record["name"])
    if connection.execute(
        "SELECT 1 FROM registered WHERE kind = ? AND name = ? AND id = ?", (*name, record["id"])
    ).fetchone():
        return
    row = (
        *name,
        _free_number(connection, name, record.get("number")),
        record["id"],
        record.get("time", 0),
        orjson.dumps(record.get("tags", {})).decode(),
        orjson.dumps(record.get("content", {})).decode(),
    )
    connection.execute(
        "INSERT INTO registered(kind, name, number, id, created, tags, content) VALUES (?,?,?,?,?,?,?)", row
    )


def _free_number(connection: sqlite3.Connection, name: tuple[str, str], wanted: int | None) -> int:
    of_name = "FROM registered WHERE kind = ? AND name = ?"
    if wanted and not connection.execute(f"SELECT 1 {of_name} AND number = ?", (*name, wanted)).fetchone():
        return wanted
    return int(connection.execute(f"SELECT ifnull(max(number), 0) + 1 {of_name}", name).fetchone()[0])


def read_registered(
    connection: sqlite3.Connection,
    kind: str,
    name: str | None,
    number: int | None,
    alias: str | None,
    id: str | None,
) -> list[store.RegisteredRow]:
    """The newest version of each name, the versions of one, or that with a number, an alias or an id."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'registered'").fetchone():
        return []  # a store of an earlier version that this user may only read
    where, values = _condition(kind, name, number, alias, id)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM registered r WHERE {where} ORDER BY r.name, r.number DESC", values
    ).fetchall()
    aliases = _aliases(connection, kind, sorted({row[0] for row in rows}))
    return [
        store.RegisteredRow(
            kind, of, number, id, created, orjson.loads(tags), orjson.loads(content), aliases.get(of, {})
        )
        for of, number, id, created, tags, content in rows
    ]


def _condition(
    kind: str, name: str | None, number: int | None, alias: str | None, id: str | None
) -> tuple[str, list[Any]]:
    newest = "r.number = (SELECT max(number) FROM registered n WHERE n.kind = r.kind AND n.name = r.name)"
    if name is None:
        return f"r.kind = ? AND {newest}", [kind]
    where = "r.kind = ? AND r.name = ?"
    values: list[Any] = [kind, name]
    for column, value in (("number", number), ("id", id)):
        if value is not None:
            where, values = f"{where} AND r.{column} = ?", [*values, value]
    if alias == store.NEWEST:
        where = f"{where} AND {newest}"
    elif alias is not None:
        named = "SELECT a.id FROM registered_aliases a WHERE a.kind = r.kind AND a.name = r.name AND a.alias = ?"
        where, values = f"{where} AND r.id = ({named})", [*values, alias]
    return where, values


def _aliases(connection: sqlite3.Connection, kind: str, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """The aliases of each name, with the numbers of their versions."""
    only = f"AND a.name IN ({marks(names)})" if len(names) == 1 else ""
    found: dict[str, dict[str, int]] = {}
    for name, alias, number in connection.execute(
        "SELECT a.name, a.alias, r.number FROM registered_aliases a"
        " JOIN registered r ON r.kind = a.kind AND r.name = a.name AND r.id = a.id"
        f" WHERE a.kind = ? {only} ORDER BY a.name, a.alias",
        [kind, *(names if only else ())],
    ):
        found.setdefault(name, {})[alias] = number
    return found

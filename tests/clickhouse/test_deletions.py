"""Deletions that break off anywhere are finished later, and records that come meanwhile do no harm."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.store.records import MS, assessment, found, restore, said, span
from tracer.errors import StoreError
from tracer.store import Store
from tracer.store.clickhouse import deletions
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.layout import local_table

pytestmark = pytest.mark.no_store

WEEK = 7 * 86_400_000 * MS
MONDAY = 1_790_553_600_000 * MS  # 2026-09-28
TEXT = "confidential"
PICTURE = b"a picture"
DIGEST = hashlib.sha256(PICTURE).hexdigest()
ATTACHMENT = orjson.dumps(
    {"kind": "attachment", "id": DIGEST, "mime": "image/png", "content": base64.b64encode(PICTURE).decode()}
)
Delete = Callable[[Store], int]
DELETE: dict[str, Delete] = {
    "traces": lambda store: store.delete_traces(trace_ids=["t"]),
    "week": lambda store: store.delete_older(MONDAY + WEEK),
}


def filled(store: Store) -> None:
    asked: dict[str, Any] = {"json": {"tracer.inputs": f"{TEXT} tracer-attachment:{DIGEST};image/png;9"}}
    store.append(
        [
            restore("t"),
            ATTACHMENT,
            span("t", "r", start=MONDAY, **asked),
            span("t", "later", "r", start=MONDAY + WEEK, **asked),
            assessment("t", "good", True, rationale=TEXT),
        ]
    )


def on_disk(tables: Connection) -> list[str]:
    """The tables that have the text or the picture, once what was replaced is merged away."""
    columns = {"spans": "record", "facts": "record", "traces": "assessments", "attachments": "content"}
    for table in columns:
        tables.command(f"OPTIMIZE TABLE {local_table(table, tables.address)} FINAL")
    return [
        table
        for table, column in columns.items()
        if tables.rows(f"SELECT 1 FROM {table} WHERE match({column}, '{TEXT}|{PICTURE.decode()}') LIMIT 1")
    ]


@pytest.mark.parametrize(
    "way", [name if name == "traces" else pytest.param(name, marks=pytest.mark.before_a_release) for name in DELETE]
)
def test_a_deletion_that_breaks_off_anywhere_is_finished_later(
    stores: tuple[Store, Store], tables: Connection, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    store, other = stores
    monkeypatch.setattr(deletions, "_OLD_SECONDS", 0)
    asked = Connection._ask
    left = 0

    def ask(self: Connection, action: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise StoreError("the engine is gone")
        return asked(self, action)

    for statement in range(1, 100):
        filled(store)
        monkeypatch.setattr(Connection, "_ask", ask)
        left = statement
        try:
            DELETE[way](store)
            is_whole = left > 0
        except StoreError:
            is_whole = False
        monkeypatch.setattr(Connection, "_ask", asked)

        if found(other) or way == "week":  # nothing was hidden yet; weeks are looked at in each pass
            DELETE[way](other)
        other.release_space()
        other.release_space()

        assert (statement, found(store), on_disk(tables), store.attachment(DIGEST)) == (statement, [], [], None)
        if is_whole:
            break
    assert is_whole
    assert tables.rows("SELECT count() FROM deletions FINAL WHERE NOT done") == [[0]]


def test_what_comes_for_a_trace_in_the_moment_of_its_deletion_is_dropped(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = stores
    store.append([span("t", "r"), said("t", 1, tags={"a": "b"}), assessment("t", "good", True), span("u", "r")])
    insert = Connection.insert_in_parts

    def slow(self: Connection, table: str, *arguments: Any, **more: Any) -> None:
        if table == "spans":
            monkeypatch.setattr(Connection, "insert_in_parts", insert)
            other.delete_traces(trace_ids=["t"])
        insert(self, table, *arguments, **more)

    monkeypatch.setattr(Connection, "insert_in_parts", slow)
    store.append([span("t", "late", "r"), assessment("t", "other", False), span("v", "r")])

    assert sorted(found(store)) == ["u", "v"]
    assert store.trace("t") is None


def test_many_images_at_once_fit_into_the_queries_that_look_for_them(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[0]
    contents = [b"%d" % number for number in range(1200)]
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    records = [
        {"kind": "attachment", "id": digest, "mime": "image/png", "content": base64.b64encode(content).decode()}
        for digest, content in zip(digests, contents)
    ]
    named = " ".join(f"tracer-attachment:{digest};image/png;1" for digest in digests)
    asked = Connection.rows
    longest = 0

    def rows(self: Connection, sql: str, parameters: Any = ()) -> Any:
        nonlocal longest
        values = list(parameters)
        longest = max([longest, *(sum(map(len, value)) for value in values if isinstance(value, list))])
        return asked(self, sql, values)

    monkeypatch.setattr(Connection, "rows", rows)
    store.append([*map(orjson.dumps, records), span("t", "r", json={"tracer.inputs": named})])
    assert store.attachment(digests[-1]) == ("image/png", b"1199")
    store.delete_traces(trace_ids=["t"])

    assert [store.attachment(digest) for digest in (digests[0], digests[-1])] == [None, None]
    assert longest < 100_000  # a field of a request may have 128 KiB

"""Datasets and their rows, as documents: a dataset owns its rows, which are numbered as they came."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from tracer._json import JsonObject
from tracer.errors import ConflictError, DatasetNotFoundError, InvalidArgumentError
from tracer.store.clickhouse.attachments import delete_unused_attachments
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Contents, Document, change, read, read_all
from tracer.store.datasets import dataset_id_of, edited, merged, new_row, row_id_of, row_value
from tracer.store.filter import Expression
from tracer.store.filter.matching import is_met
from tracer.store.rows import RowPage, StoredDataset, StoredRow, WrittenRows

_KIND, _SELF, _ROW = "dataset", "d", "r:"
_AT_ONCE = 500
_LOOKED_AT = 10_000  # rows that a page with a filter reads at most
_PAGE_BYTES = 4 << 20
_CONTENT = ("inputs", "outputs", "expectations", "tags", "split", "trace_id", "source", "created", "updated")
_ATTACHMENT = re.compile(r"tracer-attachment:([0-9a-f]{64})")


def read_datasets(connection: Connection, dataset_id: str | None) -> list[StoredDataset]:
    """The datasets, newest first."""
    if dataset_id is None:
        found = read_all(connection, _KIND, _SELF)
    else:
        own = read(connection, _KIND, dataset_id, [_SELF])
        found = {dataset_id: own[_SELF]} if own else {}
    counted = connection.rows(
        "SELECT owner, count() FROM documents FINAL"
        f" WHERE kind = '{_KIND}' AND owner IN ? AND startsWith(id, '{_ROW}') AND NOT deleted GROUP BY owner",
        [list(found)],
    )
    counts = {str(owner): int(count) for owner, count in counted}
    rows = [_dataset(identity, content, counts.get(identity, 0)) for identity, content in found.items()]
    return sorted(rows, key=lambda row: (-row.created, -found[row.dataset_id]["made"]))


def _dataset(identity: str, content: JsonObject, row_count: int) -> StoredDataset:
    fields = {name: content[name] for name in ("name", "created", "updated", "experiments", "tags")}
    return StoredDataset(identity, **fields, row_count=row_count)


def write_dataset(
    connection: Connection,
    name: str,
    tags: Mapping[str, str | None] | None,
    experiments: Sequence[str] | None,
    time: int | None,
) -> StoredDataset:
    """Make or change the dataset of a name."""
    identity, now = dataset_id_of(name), clock.time_ns() if time is None else time

    def make(found: Contents) -> list[Document]:
        old = found.get(_SELF) or {
            "name": name, "created": now, "updated": now, "experiments": [], "tags": {}, "next": 1,
            "made": clock.time_ns(),
        }  # fmt: skip
        is_newer = now >= old["updated"]
        both = {**old["tags"], **(tags or {})} if is_newer else {**(tags or {}), **old["tags"]}
        new = {**old, "tags": {key: value for key, value in both.items() if value is not None}}
        if experiments is not None and (is_newer or not old["experiments"]):
            new["experiments"] = list(experiments)
        if found and new == old:
            return []
        return [Document(_SELF, {**new, "updated": max(now, old["updated"])})]

    change(connection, _KIND, identity, make, [_SELF])
    (dataset,) = read_datasets(connection, identity)
    return dataset


def delete_dataset(connection: Connection, dataset_id: str) -> None:
    """Delete a dataset with its rows."""
    used: set[str] = set()

    def make(found: Contents) -> list[Document]:
        used.update(_attachments_in(found.values()))
        return [Document(id, None) for id in found]

    change(connection, _KIND, dataset_id, make)
    delete_unused_attachments(connection, used)


def _attachments_in(contents: Iterable[Any]) -> set[str]:
    return {digest for content in contents for digest in _ATTACHMENT.findall(orjson.dumps(content).decode())}


def read_rows(
    connection: Connection, dataset_id: str, filter: Expression | None, limit: int, page_token: str | None
) -> RowPage:
    """One page of rows, oldest first."""
    after = _place(page_token)
    _dataset_content(read(connection, _KIND, dataset_id, [_SELF]), dataset_id)
    found: list[StoredRow] = []
    size = looked_at = 0
    while True:
        part = connection.rows(
            "SELECT id, content, JSONExtractUInt(content, 'num') AS num FROM documents FINAL"
            f" WHERE kind = '{_KIND}' AND owner = ? AND startsWith(id, '{_ROW}') AND NOT deleted AND num > ?"
            " ORDER BY num LIMIT ?",
            [dataset_id, after, _AT_ONCE],
        )
        for index, (id, content, num) in enumerate(part):
            row = _row(id, orjson.loads(content))
            looked_at += 1
            after = num
            if filter is None or is_met(filter, partial(row_value, row)):
                found.append(row)
                size += len(content)
            if len(found) >= limit or size >= _PAGE_BYTES or looked_at >= _LOOKED_AT:
                has_more = index + 1 < len(part) or (len(part) == _AT_ONCE and _has_rows(connection, dataset_id, after))
                return RowPage(found, str(after) if has_more else None)
        if len(part) < _AT_ONCE:
            return RowPage(found, None)


def _has_rows(connection: Connection, dataset_id: str, after: int) -> bool:
    rows = connection.rows(
        f"SELECT 1 FROM documents FINAL WHERE kind = '{_KIND}' AND owner = ? AND startsWith(id, '{_ROW}')"
        " AND NOT deleted AND JSONExtractUInt(content, 'num') > ? LIMIT 1",
        [dataset_id, after],
    )
    return bool(rows)


def _place(page_token: str | None) -> int:
    if page_token is None:
        return 0
    if not page_token.isdecimal() or len(page_token) > 18:
        raise InvalidArgumentError(f"page_token is {page_token[:40]!r}, expected the next_page_token of a page")
    return int(page_token)


def _dataset_content(found: Contents, dataset_id: str) -> JsonObject:
    if _SELF not in found:
        raise DatasetNotFoundError(f"no dataset has the id {dataset_id!r:.60}; it may have been deleted")
    content: JsonObject = found[_SELF]
    return content


def _row(id: str, content: JsonObject) -> StoredRow:
    return StoredRow(id[len(_ROW) :], **{name: content[name] for name in _CONTENT})


def write_rows(connection: Connection, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
    """Add rows, or merge them with those of the same inputs."""
    now = clock.time_ns()
    given = [(row_id_of(row["inputs"]), row) for row in rows]
    counts = WrittenRows(0, 0)

    def make(found: Contents) -> list[Document]:
        nonlocal counts
        dataset = _dataset_content(found, dataset_id)
        known = {id[len(_ROW) :]: _row(id, content) for id, content in found.items() if id != _SELF}
        written = dict(known)
        for row_id, row in given:
            time = row.get("time", now)
            old = written.get(row_id)
            written[row_id] = new_row(row_id, row, time) if old is None else merged(old, row, time)
        new = [row for row_id, row in written.items() if row_id not in known]
        changed = [row for row_id, row in written.items() if row_id in known and row != known[row_id]]
        counts = WrittenRows(len(new), len(changed))
        if not (new or changed):
            return []
        first = dataset["next"]
        nums = {row.row_id: first + index for index, row in enumerate(new)}
        nums.update({row.row_id: found[_ROW + row.row_id]["num"] for row in changed})
        documents = [Document(_ROW + row.row_id, _row_content(row, nums[row.row_id])) for row in (*new, *changed)]
        updated = {**dataset, "updated": max(now, dataset["updated"]), "next": first + len(new)}
        return [*documents, Document(_SELF, updated)]

    change(connection, _KIND, dataset_id, make, [_SELF, *(_ROW + row_id for row_id, _ in given)])
    return counts


def edit_row(
    connection: Connection, dataset_id: str, row_id: str, changes: JsonObject, expected: int | None
) -> StoredRow:
    """Give fields of a row other values."""
    now = clock.time_ns()
    used: set[str] = set()

    def row_in(found: Contents) -> StoredRow:
        _dataset_content(found, dataset_id)
        if _ROW + row_id not in found:
            raise DatasetNotFoundError(f"the dataset has no row {row_id!r:.60}; it may have been deleted or changed")
        return _row(_ROW + row_id, found[_ROW + row_id])

    ids = [_SELF, _ROW + row_id]
    new = edited(row_in(read(connection, _KIND, dataset_id, ids)), changes, now)
    new_id = new.row_id

    def make(found: Contents) -> list[Document]:
        nonlocal new
        old = row_in(found)
        if expected not in (None, old.updated):
            raise ConflictError("the row has been changed meanwhile; it was left as it is now")
        new = edited(old, changes, now)
        if new.row_id != row_id and (new.row_id != new_id or _ROW + new.row_id in found):
            raise ConflictError("another row of the dataset has these inputs already")
        if new == old:
            return []
        used.update(_attachments_in([found[_ROW + row_id]]))
        moved = [Document(_ROW + row_id, None)] if new.row_id != row_id else []
        own = {**found[_SELF], "updated": max(now, found[_SELF]["updated"])}
        return [
            *moved,
            Document(_ROW + new.row_id, _row_content(new, found[_ROW + row_id]["num"])),
            Document(_SELF, own),
        ]

    change(connection, _KIND, dataset_id, make, [*ids, _ROW + new_id] if new_id != row_id else ids)
    delete_unused_attachments(connection, used)
    return new


def _row_content(row: StoredRow, num: int) -> JsonObject:
    return {**{name: getattr(row, name) for name in _CONTENT}, "num": num}


def delete_rows(connection: Connection, dataset_id: str, row_ids: Sequence[str]) -> int:
    """Delete rows; returns how many there were."""
    used: set[str] = set()
    count = 0

    def make(found: Contents) -> list[Document]:
        nonlocal count
        dataset = _dataset_content(found, dataset_id)
        rows = {id: content for id, content in found.items() if id != _SELF}
        used.update(_attachments_in(rows.values()))
        count = len(rows)
        if not rows:
            return []
        return [*(Document(id, None) for id in rows), Document(_SELF, {**dataset, "updated": clock.time_ns()})]

    change(connection, _KIND, dataset_id, make, [_SELF, *(_ROW + row_id for row_id in row_ids)])
    delete_unused_attachments(connection, used)
    return count

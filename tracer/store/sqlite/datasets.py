"""Datasets and their rows."""

from __future__ import annotations

import re
import sqlite3
import time as clock
from collections.abc import Mapping, Sequence

import orjson

from tracer._json import JsonObject
from tracer.errors import ConflictError, DatasetNotFoundError, InvalidArgumentError
from tracer.store.datasets import dataset_id_of, edited, merged, new_row, row_id_of, row_value
from tracer.store.filter import Expression, Field
from tracer.store.filter.matching import is_met
from tracer.store.rows import RowPage, StoredDataset, StoredRow, WrittenRows
from tracer.store.sql import marks
from tracer.store.sqlite.attachments import delete_unused, removing
from tracer.store.sqlite.connection import transaction

_AT_ONCE = 500  # parameters of a statement
_LOOKED_AT = 10_000  # rows that a page with a filter reads at most
_LOOKED_AT_BYTES = 32 << 20
_PAGE_BYTES = 4 << 20
_CONTENT = ("inputs", "outputs", "expectations", "tags", "split", "trace_id", "source")
_ATTACHMENT = re.compile(rb"tracer-attachment:([0-9a-f]{64})")
_COLUMNS = "num, row_id, created, updated, content"


def read_datasets(connection: sqlite3.Connection, dataset_id: str | None) -> list[StoredDataset]:
    """The datasets, newest first."""
    if not _has_tables(connection):
        return []
    rows = connection.execute(
        "SELECT d.dataset_id, d.name, d.created, d.updated, d.experiments, d.tags,"
        " (SELECT count(*) FROM dataset_rows r WHERE r.dataset = d.num) FROM datasets d"
        f" {'WHERE d.dataset_id = ?' if dataset_id is not None else ''} ORDER BY d.created DESC, d.num DESC",
        () if dataset_id is None else (dataset_id,),
    )
    return [
        StoredDataset(identity, name, created, updated, orjson.loads(experiments), orjson.loads(tags), count)
        for identity, name, created, updated, experiments, tags, count in rows
    ]


def _has_tables(connection: sqlite3.Connection) -> bool:
    """False for a store of an earlier version that this user may only read."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'datasets'").fetchone() is not None


def write_dataset(
    connection: sqlite3.Connection,
    name: str,
    tags: Mapping[str, str | None] | None,
    experiments: Sequence[str] | None,
    time: int | None,
) -> StoredDataset:
    """Make or change the dataset of a name."""
    identity, now = dataset_id_of(name), clock.time_ns() if time is None else time
    with transaction(connection):
        known = read_datasets(connection, identity)
        old = known[0] if known else StoredDataset(identity, name, now, now, [], {}, 0)
        is_newer = now >= old.updated
        both = {**old.tags, **(tags or {})} if is_newer else {**(tags or {}), **old.tags}
        new = old._replace(
            tags={key: value for key, value in both.items() if value is not None},
            experiments=list(experiments) if experiments is not None and (is_newer or not old.experiments)
            else old.experiments,
        )  # fmt: skip
        if new != old or not known:
            new = new._replace(updated=max(now, old.updated))
            connection.execute(
                "INSERT INTO datasets(dataset_id, name, created, updated, experiments, tags) VALUES (?,?,?,?,?,?)"
                " ON CONFLICT(dataset_id) DO UPDATE SET updated = excluded.updated,"
                " experiments = excluded.experiments, tags = excluded.tags",
                (identity, name, new.created, new.updated, _text(new.experiments), _text(new.tags)),
            )
    return new


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def delete_dataset(connection: sqlite3.Connection, dataset_id: str) -> bool:
    """Delete some rows of a dataset, and the dataset with the last of them; whether more are left."""
    with removing(connection) as gone:
        found = connection.execute("SELECT num FROM datasets WHERE dataset_id = ?", (dataset_id,)).fetchone()
        if found is None:
            return False
        nums = [
            row[0]
            for row in connection.execute(
                "SELECT num FROM dataset_rows WHERE dataset = ? LIMIT ?", (found[0], _LOOKED_AT)
            )
        ]
        gone += _delete(connection, nums)
        if len(nums) < _LOOKED_AT:
            connection.execute("DELETE FROM datasets WHERE num = ?", found)
    return len(nums) == _LOOKED_AT


def read_rows(
    connection: sqlite3.Connection, dataset_id: str, filter: Expression | None, limit: int, page_token: str | None
) -> RowPage:
    """One page of rows, oldest first."""
    dataset, after = _number_of(connection, dataset_id), _place(page_token)
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM dataset_rows WHERE dataset = ? AND num > ? ORDER BY num", (dataset, after)
    )
    found: list[StoredRow] = []
    size = bytes_looked_at = 0
    for looked_at, (num, *cells) in enumerate(cursor, start=1):
        row = _row(*cells)
        bytes_looked_at += len(cells[-1])
        if filter is None or is_met(filter, _Values(row)):
            found.append(row)
            size += len(cells[-1])
        is_enough = len(found) >= limit or size >= _PAGE_BYTES
        if is_enough or looked_at >= _LOOKED_AT or bytes_looked_at >= _LOOKED_AT_BYTES:
            return RowPage(found, str(num) if cursor.fetchone() else None)
    return RowPage(found, None)


class _Values:
    """The values of a row by field."""

    def __init__(self, row: StoredRow) -> None:
        self._row = row

    def __call__(self, field: Field) -> object:
        return row_value(self._row, field)


def _place(page_token: str | None) -> int:
    if page_token is None:
        return 0
    if not page_token.isdecimal() or len(page_token) > 18:
        raise InvalidArgumentError(f"page_token is {page_token[:40]!r}, expected the next_page_token of a page")
    return int(page_token)


def _number_of(connection: sqlite3.Connection, dataset_id: str) -> int:
    found = None
    if _has_tables(connection):
        found = connection.execute("SELECT num FROM datasets WHERE dataset_id = ?", (dataset_id,)).fetchone()
    if found is None:
        raise DatasetNotFoundError(f"no dataset has the id {dataset_id!r:.60}; it may have been deleted")
    return int(found[0])


def _row(row_id: str, created: int, updated: int, content: bytes) -> StoredRow:
    fields = orjson.loads(content)
    return StoredRow(row_id, **{name: fields[name] for name in _CONTENT}, created=created, updated=updated)


def write_rows(connection: sqlite3.Connection, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
    """Add rows, or merge them with those of the same inputs."""
    now = clock.time_ns()
    given = [(row_id_of(row["inputs"]), row) for row in rows]  # outside of the lock
    with transaction(connection):
        dataset = _number_of(connection, dataset_id)
        known = _known(connection, dataset, [row_id for row_id, _ in given])
        written = dict(known)
        for row_id, row in given:
            time = row.get("time", now)
            old = written.get(row_id)
            written[row_id] = new_row(row_id, row, time) if old is None else merged(old, row, time)
        new = [row for row_id, row in written.items() if row_id not in known]
        changed = [row for row_id, row in written.items() if row_id in known and row != known[row_id]]
        _put(connection, dataset, [*new, *changed])
        if new or changed:
            connection.execute("UPDATE datasets SET updated = max(updated, ?) WHERE num = ?", (now, dataset))
    return WrittenRows(len(new), len(changed))


def edit_row(
    connection: sqlite3.Connection, dataset_id: str, row_id: str, changes: JsonObject, expected: int | None
) -> StoredRow:
    """Give fields of a row other values."""
    now = clock.time_ns()
    with removing(connection) as gone:
        dataset = _number_of(connection, dataset_id)
        old = _known(connection, dataset, [row_id]).get(row_id)
        if old is None:
            raise DatasetNotFoundError(f"the dataset has no row {row_id!r:.60}; it may have been deleted or changed")
        if expected not in (None, old.updated):
            raise ConflictError("the row has been changed meanwhile; it was left as it is now")
        new = edited(old, changes, now)
        if new.row_id != row_id and _known(connection, dataset, [new.row_id]):
            raise ConflictError("another row of the dataset has these inputs already")
        if new != old:
            [(num,)] = connection.execute(
                "UPDATE dataset_rows SET row_id = ? WHERE dataset = ? AND row_id = ? RETURNING num",
                (new.row_id, dataset, row_id),
            ).fetchall()
            _put(connection, dataset, [new])
            gone += _forget_unused(connection, num, new)
            connection.execute("UPDATE datasets SET updated = max(updated, ?) WHERE num = ?", (now, dataset))
    return new


def _known(connection: sqlite3.Connection, dataset: int, row_ids: Sequence[str]) -> dict[str, StoredRow]:
    found: dict[str, StoredRow] = {}
    for start in range(0, len(row_ids), _AT_ONCE):
        part = row_ids[start : start + _AT_ONCE]
        cells = connection.execute(
            f"SELECT {_COLUMNS} FROM dataset_rows WHERE dataset = ? AND row_id IN ({marks(part)})", (dataset, *part)
        )
        found.update((row_id, _row(row_id, *rest)) for _, row_id, *rest in cells)
    return found


def _put(connection: sqlite3.Connection, dataset: int, rows: Sequence[StoredRow]) -> None:
    for row in rows:
        content = orjson.dumps({name: getattr(row, name) for name in _CONTENT})
        [(num,)] = connection.execute(
            "INSERT INTO dataset_rows(dataset, row_id, created, updated, content) VALUES (?,?,?,?,?)"
            " ON CONFLICT(dataset, row_id) DO UPDATE SET updated = excluded.updated, content = excluded.content"
            " RETURNING num",
            (dataset, row.row_id, row.created, row.updated, content),
        ).fetchall()
        uses = [(-num, digest.decode()) for digest in set(_ATTACHMENT.findall(content))]
        # kept as long as the row: a trace's number is never negative
        connection.executemany("INSERT OR IGNORE INTO attachment_uses(trace, digest) VALUES (?,?)", uses)


def delete_rows(connection: sqlite3.Connection, dataset_id: str, row_ids: Sequence[str]) -> int:
    """Delete rows; returns how many there were."""
    with removing(connection) as gone:
        dataset = _number_of(connection, dataset_id)
        nums: list[int] = []
        for start in range(0, len(row_ids), _AT_ONCE):
            part = row_ids[start : start + _AT_ONCE]
            nums += (
                row[0]
                for row in connection.execute(
                    f"SELECT num FROM dataset_rows WHERE dataset = ? AND row_id IN ({marks(part)})", (dataset, *part)
                )
            )
        gone += _delete(connection, nums)
        if nums:
            connection.execute("UPDATE datasets SET updated = ? WHERE num = ?", (clock.time_ns(), dataset))
    return len(nums)


def _delete(connection: sqlite3.Connection, nums: Sequence[int]) -> list[str]:
    """Delete rows, and return the digests of the attachments that went with them."""
    gone: list[str] = []
    for start in range(0, len(nums), _AT_ONCE):
        part = nums[start : start + _AT_ONCE]
        connection.execute(f"DELETE FROM dataset_rows WHERE num IN ({marks(part)})", part)
        rows = connection.execute(
            f"DELETE FROM attachment_uses WHERE trace IN ({marks(part)}) RETURNING digest", [-num for num in part]
        ).fetchall()
        gone += delete_unused(connection, {digest for (digest,) in rows})
    return gone


def _forget_unused(connection: sqlite3.Connection, num: int, row: StoredRow) -> list[str]:
    """Take from a row the attachments that it has no more; the digests of those that nothing else uses."""
    content = orjson.dumps(row._asdict())
    used = {digest.decode() for digest in _ATTACHMENT.findall(content)}
    had = connection.execute("SELECT digest FROM attachment_uses WHERE trace = ?", (-num,)).fetchall()
    lost = [digest for (digest,) in had if digest not in used]
    connection.executemany(
        "DELETE FROM attachment_uses WHERE trace = ? AND digest = ?", [(-num, digest) for digest in lost]
    )
    return delete_unused(connection, lost)

"""Small documents that several servers change at once: experiments, versions, runs, prompts, models, datasets.

ClickHouse has no transactions, but of two inserts with one deduplication token it takes the first alone, on a single
server as on replicated tables. So the documents of one owner (a run, a prompt's name, a dataset) have a version, and a
change is one insert of all its rows under a token that names the next one. A writer that was too late reads again, and
makes its change to the new documents: no number is given twice, and no change is lost.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.config import DEFAULT_EXPERIMENT
from tracer.errors import StoreError
from tracer.store.clickhouse.connection import Connection, Row
from tracer.store.rows import NEWEST, ModelRow, RegisteredRow, RunRow
from tracer.store.sqlite.models_and_runs import is_deleted, merge, model_row, number_of, run_row, text_of

_TRIES = 100
_WAIT_SECONDS = 0.02


class Document(NamedTuple):
    """One document of an owner; ``content`` is JSON, None removes it."""

    id: str
    content: Any


Contents = dict[str, Any]
Change = Callable[[Contents], Sequence[Document]]


def read(
    connection: Connection, kind: str, owner: str, ids: Sequence[str] | None = None, *, prefix: str = ""
) -> Contents:
    """The documents of an owner by their ids, or those with some ids, or with a prefix of them."""
    only, values = ("", []) if ids is None else (" AND id IN ?", [list(ids)])
    rows = connection.rows(
        f"SELECT id, content FROM documents FINAL WHERE kind = ? AND owner = ?{only} AND startsWith(id, ?)"
        " AND NOT deleted ORDER BY id",
        [kind, owner, *values, prefix],
    )
    return {id: orjson.loads(content) for id, content in rows}


def read_all(connection: Connection, kind: str, id: str) -> dict[str, Any]:
    """The document with an id of every owner that has one, by owner."""
    rows = connection.rows(
        "SELECT owner, content FROM documents FINAL WHERE kind = ? AND id = ? AND NOT deleted ORDER BY owner",
        [kind, id],
    )
    return {owner: orjson.loads(content) for owner, content in rows}


def change(
    connection: Connection,
    kind: str,
    owner: str,
    make: Change,
    ids: Sequence[str] | None = None,
    *,
    prefix: str = "",
) -> Sequence[Document]:
    """Write the documents that ``make`` makes from the stored ones; it is called again if another writer was faster."""
    with connection.turns[hash((kind, owner)) % len(connection.turns)]:
        for _ in range(_TRIES):
            version = _version(connection, kind, owner)  # before the documents: later ones let the insert come too late
            written = make(read(connection, kind, owner, ids, prefix=prefix))
            if not written or _write(connection, kind, owner, version + 1, written):
                return written
            time.sleep(random.uniform(0, _WAIT_SECONDS))
    raise StoreError(f"{kind} {owner!r:.60} is changed by others all the time; {_TRIES} tries came too late")


def row(kind: str, owner: str, version: int, content: Any, *, id: str = "", writer: str = "") -> Row:
    """A row of a document, which counts if no other has a higher version; None as content removes it.

    ``insert`` alone writes one that no other document depends on.
    """
    return {
        "kind": kind, "owner": owner, "id": id, "version": version, "deleted": int(content is None), "writer": writer,
        "content": orjson.dumps(content).decode(),
    }  # fmt: skip


def _version(connection: Connection, kind: str, owner: str) -> int:
    rows = connection.rows("SELECT max(version) FROM documents WHERE kind = ? AND owner = ?", [kind, owner])
    return int(rows[0][0])


def _write(connection: Connection, kind: str, owner: str, version: int, written: Iterable[Document]) -> bool:
    """Whether this was the first change to this version: its mark has the name of its writer."""
    writer, mark = os.urandom(8).hex(), f"#{version}"
    rows = [
        row(kind, owner, version, content, id=id, writer=writer) for id, content in (*written, Document(mark, None))
    ]
    connection.insert("documents", rows, token=f"{kind}/{owner}/{version}")
    found = connection.rows("SELECT writer FROM documents WHERE kind = ? AND owner = ? AND id = ?", [kind, owner, mark])
    return bool(found == [[writer]])


# ---- experiments


def experiment_numbers(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The numbers of experiments; missing ones are made."""
    known = connection.experiments
    missing = sorted({name for name in names if name not in known})
    if missing:
        known.update(_experiments(read(connection, "experiments", "")))
        if any(name not in known for name in missing):
            change(connection, "experiments", "", partial(_new_experiments, missing))
            known.update(_experiments(read(connection, "experiments", "")))
    return {name: known[name] for name in names}


def experiment_names(connection: Connection) -> dict[int, str]:
    """The names of all experiments by their numbers, in their order."""
    found = _experiments(read(connection, "experiments", ""))
    return {number: name for name, number in sorted(found.items(), key=lambda each: each[1])}


def _experiments(found: Contents) -> dict[str, int]:
    return {DEFAULT_EXPERIMENT: 0, **{id[2:]: number for id, number in found.items()}}


def _new_experiments(names: Sequence[str], found: Contents) -> list[Document]:
    first = max(found.values(), default=0) + 1
    missing = [name for name in names if name != DEFAULT_EXPERIMENT and f"e:{name}" not in found]
    return [Document(f"e:{name}", number) for number, name in enumerate(missing, start=first)]


def write_experiments(connection: Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of experiments."""
    if records:
        experiment_numbers(connection, {record["name"] for record in records})


# ---- versions of apps, and runs


def write_models(connection: Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of versions."""
    _write_said(connection, "model", "model_id", records)


def write_runs(connection: Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of runs."""
    _write_said(connection, "run", "run_id", records)


def _write_said(connection: Connection, kind: str, key: str, records: Sequence[JsonObject]) -> None:
    of: dict[str, list[JsonObject]] = {}
    for record in records:
        of.setdefault(record[key], []).append(record)
    for identity, given in of.items():
        (said,) = change(connection, kind, identity, partial(_said, given)) or (None,)
        if said is not None:
            experiment_numbers(connection, [text_of(said.content, "experiment") or DEFAULT_EXPERIMENT])


def _said(records: Sequence[JsonObject], found: Contents) -> list[Document]:
    fields = found.get("said", {})
    before = orjson.dumps(fields)
    for record in records:
        merge(fields, record)
    return [Document("said", fields)] if orjson.dumps(fields) != before or not found else []


def read_models(connection: Connection, model_id: str | None, name: str | None) -> list[ModelRow]:
    """The versions, newest first."""
    rows = [model_row(*cells) for cells in _said_rows(connection, "model", "created", model_id)]
    return [row for row in rows if name is None or model_id is not None or row.name == name]


def read_runs(connection: Connection, run_id: str | None) -> list[RunRow]:
    """The runs, newest first."""
    return [run_row(*cells) for cells in _said_rows(connection, "run", "started", run_id) if not is_deleted(cells[-1])]


def _said_rows(
    connection: Connection, kind: str, order: str, identity: str | None
) -> list[tuple[str, int, str, int, JsonObject]]:
    if identity is None:
        found = read_all(connection, kind, "said")
    else:
        own = read(connection, kind, identity, ["said"])
        found = {identity: own["said"]} if own else {}
    names = {identity: text_of(fields, "experiment") or DEFAULT_EXPERIMENT for identity, fields in found.items()}
    numbers = experiment_numbers(connection, set(names.values()))
    rows = [
        (identity, numbers[names[identity]], names[identity], number_of(fields, order) or 0, fields)
        for identity, fields in found.items()
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


# ---- registered prompts and models


def write_registered(connection: Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of versions and of aliases. A stored version keeps its number."""
    of: dict[tuple[str, str], list[JsonObject]] = {}
    for record in records:
        of.setdefault((record["of"], record["name"]), []).append(record)
    for (kind, name), given in of.items():
        change(connection, f"registered:{kind}", name, partial(_registered, given))


def _registered(records: Sequence[JsonObject], found: Contents) -> list[Document]:
    changed: Contents = {}
    for record in records:
        both = {**found, **changed}
        if record["kind"] == "alias":
            id, given = f"a:{record['alias']}", {"id": record.get("id"), "time": record.get("time", 0)}
            if id not in both or given["time"] >= both[id]["time"]:
                changed[id] = given
        elif (id := f"v:{record['id']}") not in both:
            numbers = {content["number"] for key, content in both.items() if key.startswith("v:")}
            wanted = record.get("number")
            changed[id] = {
                "number": wanted if wanted and wanted not in numbers else max(numbers, default=0) + 1,
                "created": record.get("time", 0),
                "tags": record.get("tags", {}),
                "content": record.get("content", {}),
            }
    return [Document(id, content) for id, content in changed.items() if found.get(id) != content]


def read_registered(
    connection: Connection, kind: str, name: str | None, number: int | None, alias: str | None, id: str | None
) -> list[RegisteredRow]:
    """The newest version of each name, the versions of one, or that with a number, an alias or an id."""
    if name is not None:
        found = {name: read(connection, f"registered:{kind}", name)}
    else:
        found = {}
        for owner, key, content in connection.rows(
            "SELECT owner, id, content FROM documents FINAL WHERE kind = ? AND NOT deleted ORDER BY owner",
            [f"registered:{kind}"],
        ):
            found.setdefault(owner, {})[key] = orjson.loads(content)
    rows: list[RegisteredRow] = []
    for of, contents in found.items():
        of_name = _versions_of(kind, of, contents)
        if name is None or alias == NEWEST:
            of_name = of_name[:1]
        elif alias is not None:
            named = contents.get(f"a:{alias}", {}).get("id")
            of_name = [row for row in of_name if row.id == named]
        rows += of_name
    return [row for row in rows if (number is None or row.number == number) and (id is None or row.id == id)]


def _versions_of(kind: str, name: str, contents: Contents) -> list[RegisteredRow]:
    """The versions of a name, newest first."""
    versions = {key[2:]: content for key, content in contents.items() if key.startswith("v:")}
    aliases = {
        key[2:]: versions[content["id"]]["number"]
        for key, content in sorted(contents.items())
        if key.startswith("a:") and content["id"] in versions
    }
    rows = [
        RegisteredRow(kind, name, each["number"], id, each["created"], each["tags"], each["content"], aliases)
        for id, each in versions.items()
    ]
    return sorted(rows, key=lambda row: -row.number)

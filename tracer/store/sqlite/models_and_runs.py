"""Versions of apps, and runs: what records say about them is merged field by field, whatever order they come in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from tracer.config import DEFAULT_EXPERIMENT
from tracer.store.rows import ModelRow, RunRow

_GROUPS = ("tags", "params", "metrics")
_NO_FIELDS = ("kind", "model_id", "run_id", "time")

Said = dict[str, Any]  # field: [time, value]; a group: {key: [time, value]}


def experiment_number(connection: sqlite3.Connection, name: str) -> int:
    """The number of an experiment, which is made if there is none of this name."""
    connection.execute("INSERT OR IGNORE INTO experiments(name) VALUES (?)", (name,))
    return int(connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()[0])


def write_models(connection: sqlite3.Connection, records: Sequence[dict[str, Any]]) -> None:
    """Take in what records say about versions."""
    for model_id, said in _merged(connection, "models", "model_id", records).items():
        row = (
            model_id,
            _text(said, "name") or model_id,
            experiment_number(connection, _text(said, "experiment") or DEFAULT_EXPERIMENT),
            _number(said, "created") or 0,
            orjson.dumps(said).decode(),
        )
        connection.execute(
            "INSERT OR REPLACE INTO models(model_id, name, experiment, created, said) VALUES (?,?,?,?,?)", row
        )


def write_runs(connection: sqlite3.Connection, records: Sequence[dict[str, Any]]) -> None:
    """Take in what records say about runs."""
    for run_id, said in _merged(connection, "runs", "run_id", records).items():
        row = (
            run_id,
            experiment_number(connection, _text(said, "experiment") or DEFAULT_EXPERIMENT),
            _number(said, "started") or 0,
            orjson.dumps(said).decode(),
        )
        connection.execute("INSERT OR REPLACE INTO runs(run_id, experiment, started, said) VALUES (?,?,?,?)", row)


def _merged(connection: sqlite3.Connection, table: str, key: str, records: Sequence[dict[str, Any]]) -> dict[str, Said]:
    merged: dict[str, Said] = {}
    for record in records:
        identity = record[key]
        if identity not in merged:
            row = connection.execute(f"SELECT said FROM {table} WHERE {key} = ?", (identity,)).fetchone()
            merged[identity] = orjson.loads(row[0]) if row else {}
        _merge(merged[identity], record)
    return merged


def _merge(said: Said, record: dict[str, Any]) -> None:
    given = record.get("time")
    time = given if isinstance(given, int) and abs(given) < 2**63 else 0
    for name, value in record.items():
        if name in _GROUPS:
            if isinstance(value, dict):
                group = said.setdefault(name, {})
                for key, item in value.items():
                    _put(group, str(key), time, item)
        elif name == "created":  # processes that make the same version at once: the first did
            said["created"] = min(said.get("created", [time, value]), [time, value], key=lambda entry: entry[1])
        elif name not in _NO_FIELDS:
            _put(said, name, time, value)


def _put(entries: Said, name: str, time: int, value: Any) -> None:
    old = entries.get(name)
    if old is None or time >= old[0]:
        entries[name] = [time, value]


def read_models(connection: sqlite3.Connection, model_id: str | None, name: str | None) -> list[ModelRow]:
    """The versions, newest first."""
    column = "model_id" if model_id is not None else "name" if name is not None else None
    rows = _rows(connection, "models", "model_id", "created", column, model_id if model_id is not None else name)
    return [
        ModelRow(
            model_id=identity,
            name=_text(said, "name") or identity,
            experiment_id=str(number),
            experiment=experiment,
            created=created,
            updated=_latest(said),
            model_type=_text(said, "model_type"),
            source_run_id=_text(said, "source_run_id"),
            status=_text(said, "status") or "UNSPECIFIED",
            tags=_texts(said, "tags"),
            params=_texts(said, "params"),
            metrics=_metrics(said),
        )
        for identity, number, experiment, created, said in rows
    ]


def read_runs(connection: sqlite3.Connection, run_id: str | None) -> list[RunRow]:
    """The runs, newest first."""
    column = "run_id" if run_id is not None else None
    return [
        RunRow(
            run_id=identity,
            name=_text(said, "name") or identity,
            experiment_id=str(number),
            experiment=experiment,
            parent_id=_text(said, "parent_id"),
            status=_text(said, "status") or "RUNNING",
            started=started,
            ended=_number(said, "ended"),
            tags=_texts(said, "tags"),
            params=_texts(said, "params"),
            metrics=_metrics(said),
        )
        for identity, number, experiment, started, said in _rows(
            connection, "runs", "run_id", "started", column, run_id
        )
    ]


def _rows(
    connection: sqlite3.Connection, table: str, key: str, order: str, column: str | None, value: str | None
) -> list[tuple[str, int, str, int, Said]]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return []  # a store of an earlier version that this user may only read
    where = f"WHERE x.{column} = ?" if column else ""
    rows = connection.execute(
        f"SELECT x.{key}, x.experiment, e.name, x.{order}, x.said FROM {table} x"
        f" LEFT JOIN experiments e ON e.id = x.experiment {where} ORDER BY x.{order} DESC, x.{key}",
        (value,) if column else (),
    )
    return [(row[0], row[1], row[2] or DEFAULT_EXPERIMENT, row[3], orjson.loads(row[4])) for row in rows]


def _value(said: Said, name: str) -> Any:
    entry = said.get(name)
    return entry[1] if entry else None


def _text(said: Said, name: str) -> str | None:
    value = _value(said, name)
    return None if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _number(said: Said, name: str) -> int | None:
    value = _value(said, name)
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _texts(said: Said, group: str) -> dict[str, str]:
    return {key: str(entry[1]) for key, entry in said.get(group, {}).items() if entry[1] is not None}


def _metrics(said: Said) -> dict[str, float]:
    entries = said.get("metrics", {})
    return {key: float(entry[1]) for key, entry in entries.items() if isinstance(entry[1], (int, float))}


def _latest(said: Said) -> int:
    """When the last record about it was written, in ns."""
    times = [entry[0] for name, entry in said.items() if name not in _GROUPS]
    return max(times + [entry[0] for group in _GROUPS for entry in said.get(group, {}).values()], default=0)

"""Versions of apps, and runs: their records are merged field by field, in any order of arrival."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from tracer import store
from tracer._json import JsonObject
from tracer.config import DEFAULT_EXPERIMENT

_GROUPS = ("tags", "params", "metrics")
_EMPTIED = "emptied"  # time of the last deletion, at which all groups were emptied
_NO_FIELDS = ("kind", "model_id", "run_id", "time", _EMPTIED)
_STEPS_LIMIT = 10_000  # of a metric; of more, every second one is kept

Timed = JsonObject  # field: [time, value]; a group: {key: [time, value]}


def experiment_number(connection: sqlite3.Connection, name: str) -> int:
    """The number of an experiment, which is made if there is none of this name."""
    connection.execute("INSERT OR IGNORE INTO experiments(name) VALUES (?)", (name,))
    return int(connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()[0])


def write_experiments(connection: sqlite3.Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of experiments."""
    for record in records:
        experiment_number(connection, record["name"])


def write_models(connection: sqlite3.Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of versions."""
    for model_id, fields in _merged(connection, "models", "model_id", records).items():
        row = (
            model_id,
            text_of(fields, "name") or model_id,
            experiment_number(connection, text_of(fields, "experiment") or DEFAULT_EXPERIMENT),
            number_of(fields, "created") or 0,
            orjson.dumps(fields).decode(),
        )
        connection.execute(
            "INSERT OR REPLACE INTO models(model_id, name, experiment, created, said) VALUES (?,?,?,?,?)", row
        )


def write_runs(connection: sqlite3.Connection, records: Sequence[JsonObject]) -> None:
    """Write the records of runs."""
    for run_id, fields in _merged(connection, "runs", "run_id", records).items():
        row = (
            run_id,
            experiment_number(connection, text_of(fields, "experiment") or DEFAULT_EXPERIMENT),
            number_of(fields, "started") or 0,
            orjson.dumps(fields).decode(),
        )
        connection.execute("INSERT OR REPLACE INTO runs(run_id, experiment, started, said) VALUES (?,?,?,?)", row)


def _merged(connection: sqlite3.Connection, table: str, key: str, records: Sequence[JsonObject]) -> dict[str, Timed]:
    merged: dict[str, Timed] = {}
    for record in records:
        identity = record[key]
        if identity not in merged:
            row = connection.execute(f"SELECT said FROM {table} WHERE {key} = ?", (identity,)).fetchone()
            merged[identity] = orjson.loads(row[0]) if row else {}
        merge(merged[identity], record)
    return merged


def merge(fields: Timed, record: JsonObject) -> None:
    """Merge a record into the fields."""
    given = record.get("time")
    time = given if isinstance(given, int) and abs(given) < 2**63 else 0
    if record.get("deleted") is True:
        _put(fields, _EMPTIED, time, True)
    emptied = fields[_EMPTIED][0] if _EMPTIED in fields else None
    for name, value in record.items():
        if name in _GROUPS:
            if isinstance(value, dict):
                group = fields.setdefault(name, {})
                for key, item in value.items():
                    _put(group, str(key), time, item)
        elif name == "steps":
            if isinstance(value, dict):
                _merge_steps(fields.setdefault("steps", {}), value, time)
        elif name == "created":  # if processes make the same version at once, the first counts
            fields["created"] = min(fields.get("created", [time, value]), [time, value], key=lambda entry: entry[1])
        elif name not in _NO_FIELDS:
            _put(fields, name, time, value)
    if emptied is not None:
        for name in _GROUPS:
            fields[name] = {key: entry for key, entry in fields.get(name, {}).items() if entry[0] > emptied}


def _merge_steps(steps: Timed, given: JsonObject, time: int) -> None:
    for name, values in given.items():
        if not isinstance(values, dict):
            continue
        entries = steps.setdefault(str(name), {})
        for step, value in values.items():
            if step.lstrip("-").isdecimal():
                _put(entries, step, time, value)
        if len(entries) > _STEPS_LIMIT:
            steps[str(name)] = dict(sorted(entries.items(), key=lambda entry: int(entry[0]))[::2])


def _put(entries: Timed, name: str, time: int, value: Any) -> None:
    old = entries.get(name)
    if old is None or time >= old[0]:
        entries[name] = [time, value]


def read_models(connection: sqlite3.Connection, model_id: str | None, name: str | None) -> list[store.ModelRow]:
    """The versions, newest first."""
    column = "model_id" if model_id is not None else "name" if name is not None else None
    rows = _rows(connection, "models", "model_id", "created", column, model_id if model_id is not None else name)
    return [model_row(*cells) for cells in rows]


def read_runs(connection: sqlite3.Connection, run_id: str | None) -> list[store.RunRow]:
    """The runs, newest first."""
    column = "run_id" if run_id is not None else None
    rows = _rows(connection, "runs", "run_id", "started", column, run_id)
    return [run_row(*cells) for cells in rows if not is_deleted(cells[-1])]


def model_row(identity: str, experiment_id: int, experiment: str, created: int, fields: Timed) -> store.ModelRow:
    """A version of an app, from its merged records."""
    return store.ModelRow(
        model_id=identity,
        name=text_of(fields, "name") or identity,
        experiment_id=str(experiment_id),
        experiment=experiment,
        created=created,
        updated=_latest(fields),
        model_type=text_of(fields, "model_type"),
        source_run_id=text_of(fields, "source_run_id"),
        status=text_of(fields, "status") or "UNSPECIFIED",
        tags=_texts(fields, "tags"),
        params=_texts(fields, "params"),
        metrics=_numbers(fields.get("metrics", {})),
        status_message=text_of(fields, "status_message"),
        deleted=is_deleted(fields),
    )


def run_row(identity: str, experiment_id: int, experiment: str, started: int, fields: Timed) -> store.RunRow:
    """A run, from its merged records."""
    return store.RunRow(
        run_id=identity,
        name=text_of(fields, "name") or identity,
        experiment_id=str(experiment_id),
        experiment=experiment,
        parent_id=text_of(fields, "parent_id"),
        status=text_of(fields, "status") or "RUNNING",
        started=started,
        ended=number_of(fields, "ended"),
        tags=_texts(fields, "tags"),
        params=_texts(fields, "params"),
        metrics=_numbers(fields.get("metrics", {})),
        steps={name: _numbers(entries) for name, entries in fields.get("steps", {}).items()},
    )


def _rows(
    connection: sqlite3.Connection, table: str, key: str, order: str, column: str | None, value: str | None
) -> list[tuple[str, int, str, int, Timed]]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return []  # a store of an earlier version that this user may only read
    where = f"WHERE x.{column} = ?" if column else ""
    rows = connection.execute(
        f"SELECT x.{key}, x.experiment, e.name, x.{order}, x.said FROM {table} x"
        f" LEFT JOIN experiments e ON e.id = x.experiment {where} ORDER BY x.{order} DESC, x.{key}",
        (value,) if column else (),
    )
    return [
        (identity, number, experiment or DEFAULT_EXPERIMENT, time_ns, orjson.loads(fields))
        for identity, number, experiment, time_ns, fields in rows
    ]


def is_deleted(fields: Timed) -> bool:
    """Whether its newest record deletes it."""
    return bool(_value(fields, "deleted"))


def _value(fields: Timed, name: str) -> Any:
    entry = fields.get(name)
    return entry[1] if entry else None


def text_of(fields: Timed, name: str) -> str | None:
    """The value of a field as text."""
    value = _value(fields, name)
    return None if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def number_of(fields: Timed, name: str) -> int | None:
    """The value of a field, where it is a whole number."""
    value = _value(fields, name)
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _texts(fields: Timed, group: str) -> dict[str, str]:
    return {key: str(entry[1]) for key, entry in fields.get(group, {}).items() if entry[1] is not None}


def _numbers(entries: Timed) -> dict[str, float]:
    return {key: float(entry[1]) for key, entry in entries.items() if isinstance(entry[1], (int, float))}


def _latest(fields: Timed) -> int:
    """When the last record about it was written, in ns."""
    times = [entry[0] for name, entry in fields.items() if name not in (*_GROUPS, "steps")]
    return max(times + [entry[0] for group in _GROUPS for entry in fields.get(group, {}).values()], default=0)

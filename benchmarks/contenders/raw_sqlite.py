"""A limit: SQLite alone, one row a span, committed in batches."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TABLE = (
    "CREATE TABLE IF NOT EXISTS spans (trace_id TEXT, span_id TEXT PRIMARY KEY, parent_id TEXT, name TEXT, type TEXT,"
    " start INTEGER, end INTEGER, status TEXT, attributes TEXT, inputs TEXT, outputs TEXT)"
)
_INSERT = f"INSERT INTO spans VALUES ({', '.join('?' * 11)})"
_BATCH = 512
_waiting: list[tuple[Any, ...]] = []
_database: sqlite3.Connection


def setup(folder: Path) -> None:
    """Open the file, and make the table and an index on the start."""
    global _database
    _database = sqlite3.connect(folder / "raw.db", check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", _TABLE):
        _database.execute(statement)
    _database.execute("CREATE INDEX IF NOT EXISTS by_start ON spans (start)")


def attributes_span(values: Mapping[str, Any]) -> None:
    """One row with attributes."""
    _add(values, None, None)


def span(inputs: Any, outputs: Any) -> None:
    """One row with inputs and outputs."""
    _add({}, inputs, outputs)


def flush() -> None:
    """Commit what waits."""
    insert(_waiting)
    _waiting.clear()


def tree(spans: int, inputs: Any, outputs: Any) -> None:
    """Rows of one trace."""
    trace_id, root = os.urandom(16).hex(), os.urandom(8).hex()
    for number in range(spans):
        _add({}, inputs, outputs, trace_id, *((os.urandom(8).hex(), root) if number else (root, None)))


def make_rows(count: int, inputs: Any, outputs: Any) -> list[tuple[Any, ...]]:
    """Rows that only need to be written."""
    texts = ("{}", json.dumps(inputs), json.dumps(outputs))
    made = []
    for number in range(count):
        now = time.time_ns()
        made.append((os.urandom(16).hex(), os.urandom(8).hex(), None, "step", "", now, now + number, "OK", *texts))
    return made


def insert(rows: list[tuple[Any, ...]]) -> None:
    """Write rows, so many a transaction."""
    for start in range(0, len(rows), _BATCH):
        with _database:
            _database.executemany(_INSERT, rows[start : start + _BATCH])


def last_recorded() -> str:
    """The newest row."""
    return str(_database.execute("SELECT * FROM spans ORDER BY start DESC LIMIT 1").fetchone())


def count_stored(folder: Path) -> int:
    """The traces in the file."""
    with sqlite3.connect(folder / "raw.db") as database:
        return int(database.execute("SELECT count(*) FROM spans WHERE parent_id IS NULL").fetchone()[0])


def _add(
    values: Mapping[str, Any],
    inputs: Any,
    outputs: Any,
    trace_id: str | None = None,
    span_id: str | None = None,
    parent_id: str | None = None,
) -> None:
    now = time.time_ns()
    ids = (trace_id or os.urandom(16).hex(), span_id or os.urandom(8).hex(), parent_id)
    texts = (json.dumps(dict(values)), json.dumps(inputs), json.dumps(outputs))
    _waiting.append((*ids, "step", "", now, now, "OK", *texts))
    if len(_waiting) >= _BATCH:
        flush()

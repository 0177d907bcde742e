"""`tracer delete`: what meets the filter is gone, and its space with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import START, Ran, span
from tracer.server import running_server
from tracer.store import open_store

Command = Callable[..., Ran]
Write = Callable[..., None]


def write_some(write: Write, number: int = 30) -> None:
    """Traces with content that cannot be packed."""
    for trace in range(number):
        spans = [span("step", k, trace_id=f"{trace + 1:032x}", start=START + trace,
                      json={"tracer.outputs": os.urandom(8000).hex()}) for k in range(1, 4)]  # fmt: skip
        write(*spans)


@pytest.mark.parametrize("is_older", [False, True])
def test_what_meets_the_filter_is_gone_and_its_space_with_it(
    write: Write, tracer_command: Command, own_store: str, is_older: bool
) -> None:
    write_some(write)
    path = Path(own_store.removeprefix("sqlite:///"))
    if is_older:
        before_incremental_vacuum(path)
    before = path.stat().st_size

    dry = tracer_command("delete", "timestamp > 0", "--dry-run")
    unsaid = tracer_command("delete", "timestamp > 0")
    ran = tracer_command("delete", f"trace_id != '{30:032x}'", "--yes")

    assert "would delete 30 traces from " in dry.err
    assert (unsaid.code, "30 traces would be deleted: say so with --yes" in unsaid.err) == (2, True)
    assert "deleted 29 traces from " in ran.err
    store = open_store(own_store)
    assert store.count_traces() == 1
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert path.stat().st_size < before / 2


def before_incremental_vacuum(path: Path) -> None:
    """Make a store as it was before its file could give pages back."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    connection.execute("PRAGMA journal_mode = WAL")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    connection.close()


def test_traces_are_deleted_on_a_server(write: Write, tracer_command: Command, store_url: str) -> None:
    write_some(write, 3)

    with running_server(store_url) as url:
        ran = tracer_command("delete", "timestamp > 0", "--yes", "--store", url)
        again = tracer_command("delete", "timestamp > 0", "--yes", "--store", url)

    assert "deleted 3 traces from http://" in ran.err
    assert "deleted 0 traces from http://" in again.err
    assert tracer_command("list").lines == []


def test_a_trace_that_was_deleted_comes_back_only_by_import(
    write: Write, tracer_command: Command, store_url: str, tmp_path: Path
) -> None:
    write(span("one"))
    saved, source = str(tmp_path / "saved.jsonl"), str(tmp_path / "source.db")
    tracer_command("export", "-o", saved)
    tracer_command("copy", store_url, source)
    tracer_command("delete", "timestamp > 0", "--yes")

    write(span("late", 2, 1))
    copied = tracer_command("copy", source, store_url)
    after_copy = tracer_command("list").lines
    tracer_command("import", saved)

    assert "copied 0 traces with 0 spans (1 deleted there, and left so)" in copied.err
    assert after_copy == []
    assert open_store(store_url).count_traces() == 1

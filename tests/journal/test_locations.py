"""Files of stores and journals that other processes make and delete at any time."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from tests.store.records import new_store, span
from tracer._journal.locations import file_size
from tracer.store import open_store

pytestmark = pytest.mark.no_store


def test_the_size_of_a_file_that_is_gone_is_zero(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"four")

    assert file_size(tmp_path / "here") == 4
    assert file_size(tmp_path / "gone") == 0


def test_a_store_is_opened_while_another_connection_deletes_its_wal(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "r")])
    store.close()
    log, stop = tmp_path / "traces.db-wal", threading.Event()

    def make_and_delete() -> None:
        while not stop.is_set():
            connection = sqlite3.connect(tmp_path / "traces.db", timeout=30)
            connection.execute("PRAGMA user_version").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            connection.close()  # the last one deletes the log

    thread = threading.Thread(target=make_and_delete)
    thread.start()
    try:
        for _ in range(100):
            open_store(f"sqlite:///{tmp_path / 'traces.db'}").close()
    finally:
        stop.set()
        thread.join()

    assert file_size(log) == 0

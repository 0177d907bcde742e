"""The server's thread that indexes words."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.records import MS, START, span
from tests.waiting import until
from tracer.server.indexer import Indexer
from tracer.store import open_store
from tracer.store.sqlite.indexing import is_indexed

pytestmark = pytest.mark.no_store


def test_words_are_indexed_while_records_come_in_and_all_of_them_when_no_more_come(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    store_url = f"sqlite:///{path}"
    ended = threading.Event()
    written: list[str] = []

    def write() -> None:
        with closing(open_store(store_url)) as store:
            while not ended.is_set():
                word = f"word{len(written)}"
                trace_id = f"{len(written) + 1:032x}"
                store.append([span(trace_id, f"{1:016x}", start=START + MS, json={"tracer.inputs": word})])
                written.append(word)

    writer = threading.Thread(target=write)
    writer.start()
    assert until(lambda: written)
    indexer = Indexer(lambda: open_store(store_url))
    indexer.start()
    try:
        with closing(sqlite3.connect(path)) as connection:
            assert until(lambda: connection.execute("SELECT count(*) FROM texts").fetchone()[0])
            before = len(written)
            assert until(lambda: len(written) > before)  # it does not keep writers out
            ended.set()
            writer.join()
            assert until(lambda: is_indexed(connection))
            assert connection.execute("SELECT count(*) FROM texts").fetchone()[0] == len(written)
        assert until(lambda: indexer.lag_seconds() == 0)
    finally:
        ended.set()
        indexer.stop()

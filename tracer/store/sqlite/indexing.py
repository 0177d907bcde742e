"""Brings the full-text index up to date in slices, newest first: in searches and in the server, never in a writer.

Blocks are numbered in the order of their commits. The counter ``indexed_chunk`` is the last block that was
visited, the table ``unindexed`` has the runs that were left for later; so the newest spans are found first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer.store.sqlite.blocks import PACKED, unpack
from tracer.store.sqlite.connection import transaction
from tracer.store.sqlite.schema import POSITION_BITS, SLICE_TABLE, TERMS_TABLE, TEXTS_TABLE, WORDS_TABLE
from tracer.store.text import span_text

_BLOCKS_AT_ONCE = 200
BLOCK_COLUMNS = f"c.id, c.trace, c.first, {PACKED}"
_BETWEEN = "SELECT {} FROM chunks c WHERE c.id BETWEEN ? AND ?"

BlockRow = tuple[int, int, int, int, bytes, bytes | None]


@dataclass(frozen=True)
class _Run:
    """Blocks that follow each other and are not indexed; new ones are not in the table ``unindexed``."""

    first: int
    last: int
    is_new: bool


def index_slice(connection: sqlite3.Connection) -> bool:
    """Index some blocks; whether any was left to do. The texts are made outside the lock."""
    run = _newest_run(connection)
    if run is None:
        return False
    first = max(run.first, run.last - _BLOCKS_AT_ONCE + 1)
    rows = _blocks(connection, first, run.last)
    texts = [(row[0], block_texts(row)) for row in rows]
    terms = _terms(connection, [text for _, found in texts for _, text in found])
    with transaction(connection):
        if _newest_run(connection) == run:  # else another process was faster
            stored = {row[0] for row in connection.execute(_BETWEEN.format("c.id"), (first, run.last))}
            replaced = _replaced(connection, first, run.last)
            connection.executemany(
                "INSERT INTO texts(rowid, text) VALUES (?, ?)",
                [text for block, found in texts if block in stored for text in found if text[0] not in replaced],
            )
            connection.executemany("INSERT OR IGNORE INTO terms(term) VALUES (?)", terms)
            _note_indexed(connection, run, first)
    return True


def is_indexed(connection: sqlite3.Connection) -> bool:
    """Whether the index has everything."""
    return _newest_run(connection) is None


def index_beside(connection: sqlite3.Connection) -> None:
    """For a read-only store whose index is behind: an index in a temporary table of this connection."""
    is_beside = connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'texts'").fetchone()
    if is_beside or is_indexed(connection):
        return
    connection.execute(TEXTS_TABLE.format("temp.texts"))
    connection.execute(WORDS_TABLE.format("temp.words", "temp, texts"))
    replaced = _replaced(connection, 0, _counter(connection, "chunk"))
    for row in connection.execute(f"SELECT {BLOCK_COLUMNS} FROM chunks c"):
        texts = [text for text in block_texts(row) if text[0] not in replaced]
        connection.executemany("INSERT INTO temp.texts(rowid, text) VALUES (?, ?)", texts)
    connection.execute(TERMS_TABLE.format("temp.terms"))
    connection.execute("INSERT INTO temp.terms(term) SELECT term FROM temp.words")


def indexed_texts(connection: sqlite3.Connection, rows: Sequence[BlockRow]) -> list[tuple[int, str]]:
    """The row numbers and texts of the spans of those of the blocks that are in the index."""
    found: list[tuple[int, str]] = []
    for row in rows:
        if is_indexed_block(connection, row[0]):
            replaced = _replaced(connection, row[0], row[0])
            found += [text for text in block_texts(row) if text[0] not in replaced]
    return found


def is_indexed_block(connection: sqlite3.Connection, block: int) -> bool:
    """Whether the texts of a block are in the index."""
    is_left = connection.execute("SELECT 1 FROM unindexed WHERE ? BETWEEN first AND last", (block,)).fetchone()
    return block <= _counter(connection, "indexed_chunk") and is_left is None


def take_out(connection: sqlite3.Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Take texts out of the index: a contentless one needs them once more."""
    connection.executemany("INSERT INTO texts(texts, rowid, text) VALUES ('delete', ?, ?)", texts)


def _replaced(connection: sqlite3.Connection, first: int, last: int) -> set[int]:
    """The row numbers of spans in these blocks that were written anew in later ones."""
    return {row[0] for row in connection.execute("SELECT id FROM replaced WHERE chunk BETWEEN ? AND ?", (first, last))}


def block_texts(row: BlockRow) -> list[tuple[int, str]]:
    """The row number and the text of each span in a block, where there is any."""
    _, trace, first, codec, content, base = row
    low = (trace << POSITION_BITS) + first
    texts = ((low + offset, span_text(record)) for offset, record in enumerate(unpack(codec, content, base)))
    return [(row_id, text) for row_id, text in texts if text]


def _blocks(connection: sqlite3.Connection, first: int, last: int) -> list[BlockRow]:
    return connection.execute(_BETWEEN.format(BLOCK_COLUMNS), (first, last)).fetchall()


def _counter(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()[0])


def _newest_run(connection: sqlite3.Connection) -> _Run | None:
    upto, newest = _counter(connection, "indexed_chunk"), _counter(connection, "chunk")
    if upto < newest:
        return _Run(upto + 1, newest, is_new=True)
    row = connection.execute("SELECT first, last FROM unindexed ORDER BY first DESC LIMIT 1").fetchone()
    return _Run(row[0], row[1], is_new=False) if row else None


def _note_indexed(connection: sqlite3.Connection, run: _Run, first: int) -> None:
    """The end of a run, from ``first`` on, is indexed now."""
    connection.execute("DELETE FROM unindexed WHERE first = ?", (run.first,))
    if first > run.first:
        connection.execute("INSERT INTO unindexed(first, last) VALUES (?, ?)", (run.first, first - 1))
    if run.is_new:
        connection.execute("UPDATE counters SET value = ? WHERE name = 'indexed_chunk'", (run.last,))


def _terms(connection: sqlite3.Connection, texts: list[str]) -> list[Any]:
    """The words of texts as the index makes them, found by an index of these texts alone."""
    if not connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'slice'").fetchone():
        connection.execute(SLICE_TABLE.format("temp.slice"))
        connection.execute(WORDS_TABLE.format("temp.slice_words", "temp, slice"))
    connection.execute("INSERT INTO temp.slice(rowid, text) VALUES (1, ?)", ("\n".join(texts),))
    terms = connection.execute("SELECT term FROM temp.slice_words").fetchall()
    connection.execute("INSERT INTO temp.slice(slice) VALUES ('delete-all')")
    return terms

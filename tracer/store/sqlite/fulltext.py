"""Full-text search: an index that is brought up to date by whoever searches, never by the writer.

Chunks are numbered in the order of their commits, so one counter says how far the index has come. A word of the query is
looked up in the index; what the index cannot answer (a part of a word, case, punctuation) is checked on the text itself.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from tracer.store.filter import And, Comparison, Expression, Not, Or
from tracer.store.sqlite import chunks
from tracer.store.sqlite.compile import CHUNK_OF_SPAN, SPANS_OF_TRACE, Matcher, Sql
from tracer.store.sqlite.connection import Connections, retry_while_locked, store_error
from tracer.store.sqlite.migrations import POSITION_BITS, POSITION_MASK
from tracer.store.text import span_text

_CHUNKS_AT_ONCE = 200
_RARE = 2000
_WORDS_LIMIT = 300
_WORD = re.compile(r"[^\W_]+")
_TEXT = f"tracer_text(c.id, c.codec, c.content, (s.id & {POSITION_MASK}) - c.first)"


class FullText:
    """The full-text index of one store."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def prepare(self, expression: Expression | None) -> None:
        """Bring the index up to date when the filter searches text. Raises StoreError."""
        if expression is None or not _searches_text(expression) or self._connections.read_only:
            return
        connection = self._connections.get()
        try:
            while retry_while_locked(lambda: _index_more(connection)):
                pass
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path, "index") from error

    def matcher(self, connection: sqlite3.Connection) -> Matcher:
        """What compiles a comparison of the field ``text`` for this connection."""
        return lambda comparison: _match(connection, comparison)


def _searches_text(expression: Expression) -> bool:
    if isinstance(expression, Not):
        return _searches_text(expression.part)
    if isinstance(expression, (And, Or)):
        return any(_searches_text(part) for part in expression.parts)
    return expression.field.name == "text"


def _index_more(connection: sqlite3.Connection) -> bool:
    """Index some chunks; whether any was left to do. The texts are made outside the lock."""
    done, last = _progress(connection)
    if done >= last:
        return False
    rows = connection.execute(
        "SELECT id, trace, first, codec, content FROM chunks WHERE id > ? ORDER BY id LIMIT ?", (done, _CHUNKS_AT_ONCE)
    ).fetchall()
    upto = rows[-1][0] if rows else last
    texts = [text for row in rows for text in chunk_texts(row)]
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _progress(connection)[0] == done:  # else somebody else was faster
            stored = _stored(connection, rows)
            connection.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", [t for t in texts if t[0] in stored])
            connection.execute("UPDATE counters SET value = ? WHERE name = 'indexed_chunk'", (upto,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return True


def _progress(connection: sqlite3.Connection) -> tuple[int, int]:
    counters = dict(connection.execute("SELECT name, value FROM counters WHERE name IN ('chunk', 'indexed_chunk')"))
    return counters["indexed_chunk"], counters["chunk"]


def _stored(connection: sqlite3.Connection, rows: list[Any]) -> set[int]:
    """The spans of these chunks that still are there: a chunk may have been deleted since it was read."""
    if not rows:
        return set()
    kept = connection.execute("SELECT id FROM chunks WHERE id BETWEEN ? AND ?", (rows[0][0], rows[-1][0]))
    kept_chunks = {row[0] for row in kept}
    return {row_id for row in rows if row[0] in kept_chunks for row_id, _ in chunk_texts(row)}


def chunk_texts(row: tuple[int, int, int, int, bytes]) -> list[tuple[int, str]]:
    """The row number and the text of each span in a chunk, where there is any."""
    _, trace, first, codec, content = row
    base = (trace << POSITION_BITS) + first
    texts = ((base + offset, span_text(record)) for offset, record in enumerate(chunks.unpack(codec, content)))
    return [(row_id, text) for row_id, text in texts if text]


def _match(connection: sqlite3.Connection, comparison: Comparison) -> Sql:
    operator, value = comparison.operator, str(comparison.value)
    if operator in ("!=", "NOT LIKE", "NOT ILIKE"):
        positive = {"!=": "=", "NOT LIKE": "LIKE", "NOT ILIKE": "ILIKE"}[operator]
        inner = _match(connection, Comparison(comparison.field, positive, value))  # type: ignore[arg-type]
        return Sql(f"NOT ({inner.text})", inner.parameters)
    if operator == "=":
        query = _words_query(connection, value)
        return _lookup(connection, query) if query else Sql("0")
    function = {"LIKE": "tracer_like", "ILIKE": "tracer_ilike", "CONTAINS": "tracer_contains"}[operator]
    literal = value if operator == "CONTAINS" else _longest_literal(value)
    return _check(connection, f"{function}({_TEXT}, ?)", value, _part_query(connection, literal))


def _words_query(connection: sqlite3.Connection, text: str) -> str | None:
    """Every word, in any order; "a phrase" in its order; a word with * at its end as a beginning."""
    terms: list[str] = []
    for phrase, rest in re.findall(r'"([^"]*)"|([^"\s]+)', text):
        words = _WORD.findall(phrase or rest)
        if not words:
            continue
        quoted = '"' + " ".join(words) + '"'
        terms.append(quoted + "*" if rest.endswith("*") else quoted)
    return " AND ".join(terms) or None


def _part_query(connection: sqlite3.Connection, literal: str) -> str | None:
    """A query that finds every text holding the literal (and maybe others); None when the index cannot tell."""
    return None


def _longest_literal(pattern: str) -> str:
    return max(re.split(r"[%_]", pattern), key=len)


def _lookup(connection: sqlite3.Connection, query: str) -> Sql:
    if _is_rare(connection, query):
        return Sql(f"t.num IN (SELECT rowid >> {POSITION_BITS} FROM texts WHERE texts MATCH ?)", [query])
    low = f"(t.num << {POSITION_BITS})"
    return Sql(f"EXISTS (SELECT 1 FROM texts WHERE texts MATCH ? AND rowid BETWEEN {low} AND {low} + {POSITION_MASK})", [query])


def _is_rare(connection: sqlite3.Connection, query: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM texts WHERE texts MATCH ? LIMIT ?)", (query, _RARE)
    ).fetchone()
    return bool(row[0] < _RARE)


def _check(connection: sqlite3.Connection, condition: str, value: str, query: str | None) -> Sql:
    scan = f"EXISTS (SELECT 1 FROM spans s {CHUNK_OF_SPAN} WHERE {SPANS_OF_TRACE} AND {condition})"
    return Sql(scan, [value])

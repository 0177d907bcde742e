"""Full-text search: an index that is brought up to date by whoever searches, never by the writer.

Chunks are numbered in the order of their commits, so one counter says how far the index has come. A word of the query
is looked up in the index; what that cannot answer (a part of a word, case, punctuation) is checked on the text itself.
"""

from __future__ import annotations

import re
import sqlite3
import time
from typing import Any

from tracer.errors import QueryTimeoutError
from tracer.store.filter import And, Comparison, Expression, Not, Or
from tracer.store.limits import deadline
from tracer.store.sqlite import chunks
from tracer.store.sqlite.compile import CHUNK_OF_SPAN, SPANS_OF_TRACE, Matcher, Sql
from tracer.store.sqlite.connection import Connections, retry_while_locked, store_error
from tracer.store.sqlite.migrations import POSITION_BITS, POSITION_MASK, TEXTS_TABLE, WORDS_TABLE
from tracer.store.text import span_text

_CHUNKS_AT_ONCE = 200
_RARE = 2000
_WORDS_LIMIT = 300
_WORD = re.compile(r"[^\W_]+")
# kana, CJK ideographs, Hangul: letters to the index, mostly written without spaces
_UNSPACED_LETTERS = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_UNSPACED = re.compile(f"[{_UNSPACED_LETTERS}]")
# letters that the index keeps as they are, but for their case
_RUN = re.compile(f"[A-Za-z0-9{_UNSPACED_LETTERS}]+")
_TEXT = f"tracer_text(c.id, c.codec, c.content, (s.id & {POSITION_MASK}) - c.first)"


class FullText:
    """The full-text index of one store."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def prepare(self, expression: Expression | None) -> None:
        """Bring the index up to date when the filter searches text. Raises StoreError."""
        if expression is None or not _searches_text(expression):
            return
        connection = self._connections.get()
        try:
            if self._connections.read_only:
                _index_beside(connection)
                return
            while retry_while_locked(lambda: _index_more(connection)):
                _check_time()
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path, "index") from error

    def index_more(self) -> bool:
        """Bring the index some way up to date; whether there is more to do. Raises StoreError."""
        connection = self._connections.get()
        if self._connections.read_only:
            return False
        try:
            return retry_while_locked(lambda: _index_more(connection))
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path, "index") from error

    def matcher(self, connection: sqlite3.Connection) -> Matcher:
        """What compiles a comparison of the field ``text`` for this connection."""
        return lambda comparison: _match(connection, comparison)


def _check_time() -> None:
    ends = deadline()
    if ends is not None and time.monotonic() > ends:
        raise QueryTimeoutError("the full-text index is still being made; try again a little later")


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


def _index_beside(connection: sqlite3.Connection) -> None:
    """For a store that cannot be written: an index of its own to this connection, in place of one that is behind."""
    done, last = _progress(connection)
    is_beside = connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'texts'").fetchone()
    if done >= last or is_beside:
        return
    connection.execute(TEXTS_TABLE.format("temp.texts"))
    connection.execute(WORDS_TABLE.format("temp.words", "temp, texts"))
    for row in connection.execute("SELECT id, trace, first, codec, content FROM chunks"):
        connection.executemany("INSERT INTO temp.texts(rowid, text) VALUES (?, ?)", chunk_texts(row))


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
    if operator == "!=":
        return _not(_words(connection, value))
    if operator == "=":
        return _words(connection, value)
    found = _part(connection, operator.replace("NOT ", ""), value)
    return _not(found) if operator.startswith("NOT ") else found


def _not(found: Sql) -> Sql:
    return Sql(f"NOT ({found.text})", found.parameters)


def _words(connection: sqlite3.Connection, text: str) -> Sql:
    """Every word, in any order; "a phrase" in its order; a word with * at its end as a beginning.

    Scripts that put no spaces between words are searched for as parts of the text.
    """
    terms: list[str] = []
    parts: list[str] = []
    for phrase, rest in re.findall(r'"([^"]*)"|([^"\s]+)', text):
        words = _WORD.findall(phrase or rest)
        parts += [word for word in words if _UNSPACED.search(word)]
        if words and not any(_UNSPACED.search(word) for word in words):
            quoted = '"' + " ".join(words) + '"'
            terms.append(quoted + "*" if rest.endswith("*") else quoted)
    if not terms and not parts:
        return Sql("0")
    conditions = [Sql(f"tracer_contains({_TEXT}, ?)", [part]) for part in parts]
    for part in parts:
        runs = part_terms(connection, [part])
        if runs is None:
            return Sql("0")
        terms += runs
    return _span_with(connection, terms, conditions)


def _part(connection: sqlite3.Connection, operator: str, value: str) -> Sql:
    """A part of a text, or a pattern: the index names the candidates, the text itself decides."""
    function = {"LIKE": "tracer_like", "ILIKE": "tracer_ilike", "CONTAINS": "tracer_contains"}[operator]
    literals = [value] if operator == "CONTAINS" else re.split("[%_]", value)
    terms = part_terms(connection, literals)
    if terms is None:
        return Sql("0")
    return _span_with(connection, terms, [Sql(f"{function}({_TEXT}, ?)", [value])])


def part_terms(connection: sqlite3.Connection, literals: list[str]) -> list[str] | None:
    """Index queries that every text with these parts meets; None when no text can have them."""
    terms: list[str] = []
    for literal in literals:
        for run in _RUN.finditer(literal):
            words = _words_with(connection, literal, run)
            if words is not None and not words:
                return None
            if words:
                terms.append("(" + " OR ".join(words) + ")")
    return terms


def _words_with(connection: sqlite3.Connection, literal: str, run: re.Match[str]) -> list[str] | None:
    """The words of the index that a run of letters can be (a part of); None where they are too many to say."""
    word = run.group().lower()
    is_start = run.start() > 0 and _is_separator(literal[run.start() - 1])
    is_end = run.end() < len(literal) and _is_separator(literal[run.end()])
    if is_start:
        return [f'"{word}"' if is_end else f'"{word}"*']
    pattern = f"%{word}" if is_end else f"%{word}%"
    rows = connection.execute(
        "SELECT term FROM words WHERE term LIKE ? LIMIT ?", (pattern, _WORDS_LIMIT + 1)
    ).fetchall()
    return [f'"{row[0]}"' for row in rows] if len(rows) <= _WORDS_LIMIT else None


def _is_separator(character: str) -> bool:
    # of other characters the index may make a letter, nothing, or a separator
    return character.isascii() and not character.isalnum()


def _span_with(connection: sqlite3.Connection, terms: list[str], conditions: list[Sql]) -> Sql:
    """Traces with a span that meets index queries and conditions on its text."""
    checks = "".join(f" AND {condition.text}" for condition in conditions)
    parameters = [value for condition in conditions for value in condition.parameters]
    if not terms:
        return Sql(f"EXISTS (SELECT 1 FROM spans s {CHUNK_OF_SPAN} WHERE {SPANS_OF_TRACE}{checks})", parameters)
    query = " AND ".join(terms)
    source = f"texts CROSS JOIN spans s ON s.id = texts.rowid {CHUNK_OF_SPAN}" if conditions else "texts"
    if _is_rare(connection, query):
        text = f"t.num IN (SELECT texts.rowid >> {POSITION_BITS} FROM {source} WHERE texts MATCH ?{checks})"
    else:
        low = f"(t.num << {POSITION_BITS})"
        bounds = f"texts.rowid BETWEEN {low} AND {low} + {POSITION_MASK}"
        text = f"EXISTS (SELECT 1 FROM {source} WHERE texts MATCH ? AND {bounds}{checks})"
    return Sql(text, [query, *parameters])


def _is_rare(connection: sqlite3.Connection, query: str) -> bool:
    """Whether it is cheaper to list all matches than to look into one trace after the other."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM texts WHERE texts MATCH ? LIMIT ?)", (query, _RARE)
    ).fetchone()
    return bool(row[0] < _RARE)

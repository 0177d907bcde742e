"""Full-text search. Words, and parts of words, are looked up in the index; a phrase with punctuation, and patterns, are
checked on the texts of the spans that the index names. Running spans are few and in no index: each is looked at."""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass
from heapq import nlargest

from tracer._late import late_pattern
from tracer.store.filter import And, Comparison, Expression, Not, Or
from tracer.store.limits import deadline
from tracer.store.sql import Fragment, Sql, fill
from tracer.store.sqlite.blocks import PACKED
from tracer.store.sqlite.compile import BLOCK_OF_SPAN, SPANS_OF_TRACE, Matcher
from tracer.store.sqlite.connection import Connections, retry_while_locked, store_error
from tracer.store.sqlite.indexing import index_beside, index_slice, is_indexed
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK

_WAIT_SECONDS = 0.5
_RARE = 2000
_FREQUENT = 100_000
_WORDS_LIMIT = 1000
_RUNS_LOOKED_UP = 4  # the longest; the texts that they name are read anyway
_RUN_LENGTH = 50  # the beginning of a longer run is looked up
_WORD = late_pattern(r"[^\W_]+")
# kana, CJK ideographs, Hangul: letters to the index, mostly written without spaces
_UNSPACED_LETTERS = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_UNSPACED = late_pattern(f"[{_UNSPACED_LETTERS}]")
# letters that the index keeps as they are, but for their case
_RUN = late_pattern(f"[A-Za-z0-9{_UNSPACED_LETTERS}]+")
_RUNNING_TEXT = "tracer_running_text(r.record)"
_TEXT = f"tracer_text(c.id, {PACKED}, (s.id & {POSITION_MASK}) - c.first)"


class FullText:
    """The full-text index of one store."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def prepare(self, expression: Expression | None) -> bool:
        """Bring the index up to date when the filter searches text; whether it has everything. Raises StoreError."""
        return expression is None or not _searches_text(expression) or self.bring_up_to_date()

    def bring_up_to_date(self) -> bool:
        """Index what is new; whether it has everything. Raises StoreError.

        Within a time limit the answer comes from the spans that are indexed by then.
        """
        connection = self._connections.get()
        ends = None if deadline() is None else time.monotonic() + _WAIT_SECONDS
        try:
            if self._connections.read_only:
                index_beside(connection)
                return True
            while ends is None or time.monotonic() < ends:
                if not retry_while_locked(lambda: index_slice(connection)):
                    return True
            return is_indexed(connection)
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path, "index") from error

    def index_more(self) -> bool:
        """Bring the index some way up to date; whether there is more to do. Raises StoreError."""
        connection = self._connections.get()
        if self._connections.read_only:
            return False
        try:
            return retry_while_locked(lambda: index_slice(connection))
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path, "index") from error

    def matcher(self, connection: sqlite3.Connection, *, all_at_once: bool = False) -> Matcher:
        """The compiler of comparisons of the field ``text`` for this connection.

        A question that looks at every trace is answered sooner from the list of all matches than trace by trace.
        """
        return lambda comparison: _match(_Index(connection, all_at_once), comparison)


@dataclass(frozen=True)
class _Index:
    connection: sqlite3.Connection
    all_at_once: bool


def _searches_text(expression: Expression) -> bool:
    if isinstance(expression, Not):
        return _searches_text(expression.part)
    if isinstance(expression, (And, Or)):
        return any(_searches_text(part) for part in expression.parts)
    return expression.field.name == "text"


def _match(index: _Index, comparison: Comparison) -> Fragment:
    operator, value = comparison.operator, str(comparison.value)
    if operator == "!=":
        return _not(_words(index, value))
    if operator == "=":
        return _words(index, value)
    found = _part(index, operator.replace("NOT ", ""), value)
    return _not(found) if operator.startswith("NOT ") else found


def _not(found: Fragment) -> Fragment:
    return fill("NOT ({})", found)


def _words(index: _Index, text: str) -> Fragment:
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
        return Fragment("0")
    has_words = [Fragment(f"tracer_matches({_RUNNING_TEXT}, ?)", [" AND ".join(terms)])] if terms else []
    running = _running([*has_words, *_all_contained(_RUNNING_TEXT, parts)])
    for part in parts:
        runs = part_terms(index.connection, [part])
        if runs is None:
            return _trace_of(running)
        terms += runs
    return _span_with(index, terms, _all_contained(_TEXT, parts), running)


def _all_contained(text: str, parts: list[str]) -> list[Fragment]:
    return [Fragment(f"tracer_contains({text}, ?)", [part]) for part in parts]


def _part(index: _Index, operator: str, value: str) -> Fragment:
    """A part of a text, or a pattern: the index names the candidates, the text itself decides."""
    function = {"LIKE": "tracer_like", "ILIKE": "tracer_ilike", "CONTAINS": "tracer_contains"}[operator]
    literals = [value] if operator == "CONTAINS" else re.split("[%_]", value)
    terms = part_terms(index.connection, literals)
    running = _running([Fragment(f"{function}({_RUNNING_TEXT}, ?)", [value])])
    if terms is None:
        return _trace_of(running)
    if operator == "CONTAINS" and terms and value.isascii() and value.isalnum() and len(value) <= _RUN_LENGTH:
        return _span_with(index, terms, [], running)  # part of a word: the index alone decides
    return _span_with(index, terms, [Fragment(f"{function}({_TEXT}, ?)", [value])], running)


def _running(conditions: list[Fragment]) -> Sql:
    """Running spans whose texts meet all conditions."""
    return Sql("running r", "r.record IS NOT NULL").matching(*conditions)


def _trace_of(running: Sql) -> Fragment:
    return Fragment(f"t.num IN (SELECT r.trace FROM {running.text})", running.parameters, is_narrow=True)


def part_terms(connection: sqlite3.Connection, literals: list[str]) -> list[str] | None:
    """Index queries that every text with these parts meets; None when no text can have them."""
    terms: list[str] = []
    runs = ((literal, run) for literal in literals for run in _RUN.finditer(literal))
    for literal, run in nlargest(_RUNS_LOOKED_UP, runs, key=lambda found: len(found[1].group())):
        words = _words_with(connection, literal, run)
        if words is not None and not words:
            return None
        if words:
            terms.append("(" + " OR ".join(words) + ")")
    return terms


def _words_with(connection: sqlite3.Connection, literal: str, run: re.Match[str]) -> list[str] | None:
    """The words of the index that a run of letters can be (a part of); None where they are too many."""
    word = run.group()[:_RUN_LENGTH].lower()
    is_start = run.start() > 0 and _is_separator(literal[run.start() - 1])
    end = run.start() + len(word)
    is_end = end < len(literal) and _is_separator(literal[end])
    if is_start:
        return [f'"{word}"' if is_end else f'"{word}"*']
    pattern = f"%{word}" if is_end else f"%{word}%"
    rows = connection.execute(
        "SELECT term FROM terms WHERE term LIKE ? LIMIT ?", (pattern, _WORDS_LIMIT + 1)
    ).fetchall()
    return [f'"{row[0]}"' for row in rows] if len(rows) <= _WORDS_LIMIT else None


def _is_separator(character: str) -> bool:
    # of other characters the index may make a letter, nothing, or a separator
    return character.isascii() and not character.isalnum()


def _span_with(index: _Index, terms: list[str], conditions: list[Fragment], running: Sql) -> Fragment:
    """Traces with a span that meets index queries and conditions on its text, or with one of the running."""
    if not terms:
        spans = Sql(f"spans s {BLOCK_OF_SPAN}", SPANS_OF_TRACE).matching(*conditions)
        return _in_one_of(spans, running)
    query = " AND ".join(terms)
    tables = f"texts CROSS JOIN spans s ON s.id = texts.rowid {BLOCK_OF_SPAN}" if conditions else "texts"
    matches = Sql(tables, "texts MATCH ?", [query])
    found = matches.matching(*conditions)
    all_matches = fill(
        f"t.num IN (SELECT texts.rowid >> {POSITION_BITS} FROM {{}} UNION ALL SELECT r.trace FROM {{}})",
        found.fragment,
        running.fragment,
    )
    if _are_fewer(index.connection, query, _RARE):
        return Fragment(all_matches.text, all_matches.parameters, is_narrow=True)
    if index.all_at_once or (not conditions and _are_fewer(index.connection, query, _FREQUENT)):
        return fill("+{}", all_matches)  # +: go through the traces, do not fetch every match's
    low = f"(t.num << {POSITION_BITS})"
    of_trace = matches.matching(f"texts.rowid BETWEEN {low} AND {low} + {POSITION_MASK}", *conditions)
    return _in_one_of(of_trace, running)


def _in_one_of(spans: Sql, running: Sql) -> Fragment:
    return fill("(EXISTS (SELECT 1 FROM {}) OR {})", spans.fragment, _trace_of(running))


def _are_fewer(connection: sqlite3.Connection, query: str, limit: int) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM texts WHERE texts MATCH ? LIMIT ?)", (query, limit)
    ).fetchone()
    return bool(row[0] < limit)

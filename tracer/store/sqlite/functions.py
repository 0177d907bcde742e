"""SQL functions that SQLite lacks."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import Any, Union

import orjson

from tracer import semconv
from tracer._json import JsonObject
from tracer.store.latencies import LatencyCounts, add_latencies, take_latencies
from tracer.store.limits import check_deadline
from tracer.store.numbers import number_of
from tracer.store.pattern import ilike, like
from tracer.store.sqlite.blocks import unpack
from tracer.store.sqlite.schema import TEXTS_TABLE
from tracer.store.text import exception_type, json_text, span_text, value_of
from tracer.store.topmost import CoveredSpans

Cell = Union[str, int, float, None]
_BLOCKS_KEPT = 16
# of a running span, from the column with its record
RUNNING_MODEL = (
    f"ifnull(tracer_running_name({{0}}, '{semconv.RESPONSE_MODEL}'),"
    f" tracer_running_name({{0}}, '{semconv.REQUEST_MODEL}'))"
)
RUNNING_PROVIDER = f"tracer_running_name({{0}}, '{semconv.PROVIDER}')"


def register_functions(connection: sqlite3.Connection) -> None:
    """Register the functions on a connection."""
    reader = _BlockReader()
    connection.create_function("tracer_like", 2, _like, deterministic=True)
    connection.create_function("tracer_ilike", 2, _ilike, deterministic=True)
    connection.create_function("tracer_contains", 2, _contains, deterministic=True)
    connection.create_function("tracer_number", 1, _number, deterministic=True)
    connection.create_function("tracer_add_latencies", 2, add_latencies, deterministic=True)
    connection.create_function("tracer_take_latencies", 2, take_latencies, deterministic=True)
    connection.create_aggregate("tracer_latencies", 1, LatencyCounts)  # type: ignore[arg-type]
    connection.create_aggregate("tracer_covered", -1, CoveredSpans)  # type: ignore[arg-type]
    connection.create_function("tracer_value", 6, reader.value, deterministic=True)
    connection.create_function("tracer_exception", 5, reader.exception, deterministic=True)
    connection.create_function("tracer_text", 5, reader.text, deterministic=True)
    running = _RunningReader()
    connection.create_function("tracer_running_value", 2, running.value, deterministic=True)
    connection.create_function("tracer_running_name", 2, running.name, deterministic=True)
    connection.create_function("tracer_running_text", 1, running.text, deterministic=True)
    connection.create_function("tracer_matches", 2, _FullTextMatch(), deterministic=True)


class _BlockReader:
    """Unpacks blocks, keeping the last few, since the spans of a trace are in the same one."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, list[JsonObject]] = OrderedDict()

    def value(self, block: int, codec: int, content: bytes, base: bytes | None, position: int, key: str) -> str | None:
        """An attribute of a span as text: as JSON where it is no text."""
        return _cell(value_of(self._record(block, codec, content, base, position), key))

    def text(self, block: int, codec: int, content: bytes, base: bytes | None, position: int) -> str | None:
        """The new text of a span; NULL where it has none."""
        return span_text(self._record(block, codec, content, base, position)) or None

    def exception(self, block: int, codec: int, content: bytes, base: bytes | None, position: int) -> str | None:
        """The type of a failed span's exception; NULL where it has none."""
        return exception_type(self._record(block, codec, content, base, position))

    def _record(self, block: int, codec: int, content: bytes, base: bytes | None, position: int) -> JsonObject:
        records = self._kept.get(block)
        if records is None:
            check_deadline()  # SQLite checks the time between its steps only, and a block is much work within one
            records = self._kept[block] = unpack(codec, content, base)
            while len(self._kept) > _BLOCKS_KEPT:
                self._kept.popitem(last=False)
        return records[position]


class _RunningReader:
    """Reads the records of running spans, keeping the last one."""

    def __init__(self) -> None:
        self._kept: tuple[bytes | None, JsonObject] = (None, {})

    def value(self, record: bytes | None, key: str) -> str | None:
        """An attribute as text: as JSON where it is no text."""
        return _cell(value_of(self._parsed(record), key))

    def name(self, record: bytes | None, key: str) -> str | None:
        """An attribute that is a text; NULL for an empty one, as in the facts of a span."""
        value = (self._parsed(record).get("attributes") or {}).get(key)
        return value if value and isinstance(value, str) else None

    def text(self, record: bytes | None) -> str | None:
        """The text of the inputs; NULL without any."""
        return span_text(self._parsed(record)) or None

    def _parsed(self, record: bytes | None) -> JsonObject:
        if self._kept[0] != record:
            check_deadline()
            self._kept = (record, orjson.loads(record) if record is not None else {})
        return self._kept[1]


class _FullTextMatch:
    """Matches one text with a query of the full-text index, which has no running spans."""

    def __init__(self) -> None:
        self._index: sqlite3.Connection | None = None

    def __call__(self, text: str | None, query: str) -> bool:
        if text is None:
            return False
        if self._index is None:
            self._index = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._index.execute(TEXTS_TABLE.format("texts"))
        self._index.execute("INSERT INTO texts(rowid, text) VALUES (1, ?)", (text,))
        try:
            return self._index.execute("SELECT 1 FROM texts WHERE texts MATCH ?", (query,)).fetchone() is not None
        finally:
            self._index.execute("INSERT INTO texts(texts) VALUES ('delete-all')")


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


def _like(value: Cell, pattern: str) -> bool:
    return value is not None and like(str(value), pattern)


def _ilike(value: Cell, pattern: str) -> bool:
    return value is not None and ilike(str(value), pattern)


def _contains(value: Cell, part: str) -> bool:
    return value is not None and part.lower() in str(value).lower()


def _number(value: Cell) -> float | int | None:
    return number_of(value) if isinstance(value, str) else value


SPAN_KEYS = {"span.inputs": semconv.INPUTS, "span.outputs": semconv.OUTPUTS}

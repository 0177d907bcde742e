"""Lists traces by filter and order, page by page; a page starts after the last row of the one before."""

from __future__ import annotations

import base64
import binascii
import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from tracer.errors import InvalidArgumentError
from tracer.store.filter import And, Comparison, Expression, OrderTerm
from tracer.store.rows import TracePage, TraceQuery
from tracer.store.sqlite.compile import Matcher, Sql, compile_expression
from tracer.store.sqlite.migrations import LABEL_METADATA, LABEL_MODEL, LABEL_PROVIDER, LABEL_TAG
from tracer.store.sqlite.read import TRACE_COLUMNS, trace_rows

# absent values sort as the lowest, so that a page can start after one
_ORDER_COLUMNS = {
    "timestamp": "t.start",
    "duration": "ifnull(t.duration, -1)",
    "tokens": "ifnull(t.total_tokens, -1)",
    "cost": "ifnull(t.cost, -1.0)",
    "name": "ifnull(t.name, '')",
    "state": "t.state",
    "trace_id": "t.trace_id",
    "session": "ifnull(t.session, '')",
    "user": "ifnull(t.user, '')",
    "model_id": "ifnull(t.model_id, '')",
}
_DRIVING = {"tag": LABEL_TAG, "metadata": LABEL_METADATA, "model": LABEL_MODEL, "provider": LABEL_PROVIDER}


def find_traces(connection: sqlite3.Connection, query: TraceQuery, fulltext: Matcher) -> TracePage:
    """One page of the traces that a query asks for."""
    source, condition, driven = _where(query, fulltext)
    columns = [_ORDER_COLUMNS[term.field] for term in query.order_by]
    columns = ["d.start" if driven and column == "t.start" else column for column in columns]
    number = "d.trace" if driven else "t.num"
    after = _after_cursor(query, columns, number)
    conditions = [part for part in (condition, after) if part]
    where = "".join(f" AND {part.text}" for part in conditions)
    rows = connection.execute(
        f"SELECT {TRACE_COLUMNS}, {', '.join(columns)} FROM {source.text} t.start IS NOT NULL{where}"
        f" ORDER BY {_order(query.order_by, columns, number)} LIMIT ?",
        [*source.parameters, *(value for part in conditions for value in part.parameters), query.limit + 1],
    ).fetchall()
    has_more = len(rows) > query.limit
    rows = rows[: query.limit]
    count = len(columns)
    token = _encode_token(query, [*rows[-1][-count:], rows[-1][0]]) if has_more else None
    return TracePage(trace_rows(connection, [row[:-count] for row in rows]), token)


def count_traces(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> int:
    """How many traces meet a filter."""
    condition = compile_expression(expression, fulltext) if expression else Sql("1")
    row = connection.execute(
        f"SELECT count(*) FROM traces t WHERE t.start IS NOT NULL AND {condition.text}", condition.parameters
    ).fetchone()
    return int(row[0])


def _where(query: TraceQuery, fulltext: Matcher) -> tuple[Sql, Sql | None, bool]:
    """FROM … WHERE up to the first condition, the rest of the filter, and whether a label drives."""
    plain = Sql("traces t WHERE")
    if query.filter is None:
        return plain, None, False
    driver, rest = _driver(query.filter) if query.order_by[0] == OrderTerm("timestamp", True) else (None, query.filter)
    condition = compile_expression(rest, fulltext) if rest else None
    if driver is None:
        return plain, condition, False
    kind = _DRIVING[driver.field.name]
    key, value = (driver.field.key, driver.value) if kind in (LABEL_TAG, LABEL_METADATA) else (driver.value, "")
    # CROSS JOIN keeps the order of the tables: walk the label's index newest first, look each trace up
    text = "labels d CROSS JOIN traces t ON t.num = d.trace WHERE d.kind = ? AND d.key = ? AND d.value = ? AND"
    return Sql(text, [kind, key, value]), condition, True


def _driver(expression: Expression) -> tuple[Comparison | None, Expression | None]:
    """A condition whose index gives both the filter and the order, and what is left of the filter."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    for index, part in enumerate(parts):
        if (
            isinstance(part, Comparison)
            and part.field.name in _DRIVING
            and part.operator == "="
            and isinstance(part.value, str)
        ):
            rest = (*parts[:index], *parts[index + 1 :])
            return part, And(rest) if rest else None
    return None, expression


def _order(terms: Sequence[OrderTerm], columns: Sequence[str], number: str) -> str:
    keys = [f"{column} {'DESC' if term.descending else 'ASC'}" for term, column in zip(terms, columns)]
    return ", ".join([*keys, f"{number} {_tie_direction(terms)}"])


def _tie_direction(terms: Sequence[OrderTerm]) -> str:
    return "DESC" if terms[0].descending else "ASC"


def _after_cursor(query: TraceQuery, columns: Sequence[str], number: str) -> Sql | None:
    if query.page_token is None:
        return None
    values = _decode_token(query)
    keys = [*columns, number]
    descending = [term.descending for term in query.order_by] + [query.order_by[0].descending]
    if len(set(descending)) == 1:
        sign = "<" if descending[0] else ">"
        return Sql(f"({', '.join(keys)}) {sign} ({', '.join('?' * len(keys))})", values)
    alternatives: list[str] = []
    parameters: list[Any] = []
    for index, key in enumerate(keys):
        same = "".join(f"{earlier} = ? AND " for earlier in keys[:index])
        alternatives.append(f"({same}{key} {'<' if descending[index] else '>'} ?)")
        parameters.extend(values[: index + 1])
    return Sql(f"({' OR '.join(alternatives)})", parameters)


def _fingerprint(query: TraceQuery) -> str:
    return hashlib.sha256(repr((query.filter, query.order_by)).encode("utf-8", "replace")).hexdigest()[:12]


def _encode_token(query: TraceQuery, values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_fingerprint(query), *values])).decode().rstrip("=")


def _decode_token(query: TraceQuery) -> list[Any]:
    token = query.page_token or ""
    try:
        fingerprint, *values = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error):
        fingerprint, values = None, []
    if len(values) != len(query.order_by) + 1 or any(isinstance(value, (list, dict)) for value in values):
        raise InvalidArgumentError(
            f"page_token {token[:40]!r} is none of ours; pass the next_page_token of the page before"
        )
    if fingerprint != _fingerprint(query):
        raise InvalidArgumentError(
            "page_token belongs to another filter or order; pass the same ones as for the page before"
        )
    return list(values)

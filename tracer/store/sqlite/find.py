"""Lists traces by filter and order, page by page; a page starts after the last row of the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from tracer.store.filter import Expression, OrderTerm
from tracer.store.rows import TracePage, TraceQuery
from tracer.store.sqlite.compile import Matcher, Sql
from tracer.store.sqlite.read import TRACE_COLUMNS, trace_rows
from tracer.store.sqlite.selecting import driven, selected
from tracer.store.sqlite.tokens import decode_token, encode_token

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


def find_traces(connection: sqlite3.Connection, query: TraceQuery, fulltext: Matcher) -> TracePage:
    """One page of the traces that a query asks for."""
    is_newest_first = query.order_by[0] == OrderTerm("timestamp", True)
    source, condition, is_driven = driven(query.filter, fulltext, by_label=is_newest_first)
    columns = [_ORDER_COLUMNS[term.field] for term in query.order_by]
    columns = ["d.start" if is_driven and column == "t.start" else column for column in columns]
    number = "d.trace" if is_driven else "t.num"
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
    token = encode_token((query.filter, query.order_by), [*rows[-1][-count:], rows[-1][0]]) if has_more else None
    return TracePage(trace_rows(connection, [row[:-count] for row in rows]), token)


def count_traces(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> int:
    """How many traces meet a filter."""
    source = selected(expression, fulltext)
    return int(connection.execute(f"SELECT count(*) FROM {source.text}", source.parameters).fetchone()[0])


def _order(terms: Sequence[OrderTerm], columns: Sequence[str], number: str) -> str:
    keys = [f"{column} {'DESC' if term.descending else 'ASC'}" for term, column in zip(terms, columns)]
    return ", ".join([*keys, f"{number} {_tie_direction(terms)}"])


def _tie_direction(terms: Sequence[OrderTerm]) -> str:
    return "DESC" if terms[0].descending else "ASC"


def _after_cursor(query: TraceQuery, columns: Sequence[str], number: str) -> Sql | None:
    if query.page_token is None:
        return None
    values = decode_token(query.page_token, (query.filter, query.order_by), len(query.order_by) + 1)
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

"""Lists traces by filter and order, page by page; a page starts after the last row of the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tracer.store.filter import Expression, OrderTerm
from tracer.store.rows import TracePage, TraceQuery
from tracer.store.sql import Fragment, fill, join, marks
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.read import TRACE_COLUMNS, TraceCells, trace_rows
from tracer.store.sqlite.selecting import selected
from tracer.store.tokens import decode_token, encode_token

# absent values sort as the lowest, so that a page can start after one
_ORDER_COLUMNS = {
    "duration": "ifnull(t.duration, -1)",
    "tokens": "ifnull(t.total_tokens, -1)",
    "cost": "ifnull(t.cost, -1.0)",
    "errors": "t.errors",
    "name": "ifnull(t.name, '')",
    "state": "t.state",
    "trace_id": "t.trace_id",
    "session": "ifnull(t.session, '')",
    "user": "ifnull(t.user, '')",
    "model_id": "ifnull(t.model_id, '')",
}


def find_traces(connection: sqlite3.Connection, query: TraceQuery, fulltext: Matcher) -> TracePage:
    """One page of the traces that a query selects."""
    is_newest_first = query.order_by[0] == OrderTerm("timestamp", True)
    source = selected(query.filter, fulltext, by_label=is_newest_first)
    columns = [source.start if term.field == "timestamp" else _ORDER_COLUMNS[term.field] for term in query.order_by]
    sql = source.sql.matching(_after_cursor(query, columns, source.number))
    rows = connection.execute(
        f"SELECT {TRACE_COLUMNS}, {', '.join(columns)} FROM {sql.text}"
        f" ORDER BY {_order(query.order_by, columns, source.number)} LIMIT ?",
        [*sql.parameters, query.limit + 1],
    ).fetchall()
    has_more = len(rows) > query.limit
    rows = rows[: query.limit]
    width = len(TraceCells._fields)
    traces = [TraceCells._make(row[:width]) for row in rows]
    keys = (query.filter, query.order_by)
    token = encode_token(keys, [*rows[-1][width:], traces[-1].num]) if has_more else None
    return TracePage(trace_rows(connection, traces), token)


def count_traces(connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher) -> int:
    """Number of traces that meet a filter."""
    sql = selected(expression, fulltext).sql
    return int(connection.execute(f"SELECT count(*) FROM {sql.text}", sql.parameters).fetchone()[0])


def _order(terms: Sequence[OrderTerm], columns: Sequence[str], number: str) -> str:
    keys = [f"{column} {'DESC' if term.descending else 'ASC'}" for term, column in zip(terms, columns)]
    return ", ".join([*keys, f"{number} {_tie_direction(terms)}"])


def _tie_direction(terms: Sequence[OrderTerm]) -> str:
    return "DESC" if terms[0].descending else "ASC"


def _after_cursor(query: TraceQuery, columns: Sequence[str], number: str) -> Fragment | None:
    if query.page_token is None:
        return None
    values = decode_token(query.page_token, (query.filter, query.order_by), len(query.order_by) + 1)
    keys = [*columns, number]
    descending = [term.descending for term in query.order_by] + [query.order_by[0].descending]
    if len(set(descending)) == 1:
        sign = "<" if descending[0] else ">"
        return Fragment(f"({', '.join(keys)}) {sign} ({marks(values)})", values)
    alternatives = []
    for index, key in enumerate(keys):
        same = "".join(f"{earlier} = ? AND " for earlier in keys[:index])
        further = f"({same}{key} {'<' if descending[index] else '>'} ?)"
        alternatives.append(Fragment(further, values[: index + 1]))
    return fill("({})", join("OR", alternatives))

"""Lists traces by filter and order, page by page; a page starts after the last row of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.store.clickhouse.compile import OF_ALL_HOURS, selected
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import FIRST_HOUR, hour_of
from tracer.store.clickhouse.read import TRACE_COLUMNS, TraceCells, rows_of, trace_row
from tracer.store.filter import Expression
from tracer.store.rows import TracePage, TraceQuery
from tracer.store.sql import Fragment, Sql, fill, join
from tracer.store.tokens import decode_token, encode_token

# absent values sort as the lowest, so that a page can start after one
_ORDER_COLUMNS = {
    "timestamp": "start",
    "duration": "ifNull(duration, -1)",
    "tokens": "ifNull(total_tokens, -1)",
    "cost": "ifNull(cost, -1.0)",
    "errors": "errors",
    "name": "ifNull(name, '')",
    "state": "state",
    "trace_id": "trace_id",
    "session": "ifNull(session, '')",
    "user": "ifNull(user, '')",
    "model_id": "ifNull(model_id, '')",
}
_TIES = ("born", "trace_id")
_LOOKED_AT, _WIDER = 4000, 8  # traces at first; the factor of each further step
_EARLIER = 24  # hours that a span may have started before its trace's root, whose clock is another one's


def find_traces(connection: Connection, query: TraceQuery) -> TracePage:
    """One page of the traces that a query selects."""
    columns = [_ORDER_COLUMNS[term.field] for term in query.order_by] + list(_TIES)
    descending = [term.descending for term in query.order_by] + [query.order_by[0].descending] * len(_TIES)
    order = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column, down in zip(columns, descending))
    # the narrow columns decide; the wide ones are read for this page's rows only
    sql = selected(query.filter).matching(_after_cursor(query, columns, descending))
    asked = f"SELECT {', '.join(columns)} FROM {{}} ORDER BY {order} LIMIT ?"
    if query.order_by[0].field == "timestamp":
        rows = _hour_by_hour(connection, asked, sql, query, descending=descending[0])
    else:
        rows = connection.rows(asked.format(sql.text), [*sql.parameters, query.limit + 1])
    has_more = len(rows) > query.limit
    rows = rows[: query.limit]
    token = encode_token((query.filter, query.order_by), rows[-1]) if has_more else None
    found = _whole(connection, [row[-1] for row in rows])
    return TracePage([trace_row(found[row[-1]]) for row in rows if row[-1] in found], token)


def _hour_by_hour(
    connection: Connection, asked: str, sql: Sql, query: TraceQuery, *, descending: bool
) -> list[list[Any]]:
    """The first rows of an order by time, from more and more hours at once until there are as many as asked for."""
    # answered without reading rows
    first, last, count = map(int, connection.rows("SELECT min(hour), max(hour), count() FROM traces")[0])
    width = max(1, _LOOKED_AT * (last - first + 1) // max(1, count))
    if query.page_token is not None:
        values = decode_token(query.page_token, (query.filter, query.order_by), len(query.order_by) + len(_TIES))
        shown = hour_of(int(values[0]))
        first, last = (first, min(last, shown)) if descending else (max(first, shown), last)
    rows: list[list[Any]] = []
    while first <= last and len(rows) <= query.limit:
        if descending:
            low, high, last = max(first, last - width + 1), last, last - width
        else:
            low, high, first = first, min(last, first + width - 1), first + width
        text = sql.text.replace(OF_ALL_HOURS, f"(hour >= {low - _EARLIER} OR hour = {FIRST_HOUR})")
        rows += connection.rows(
            asked.format(f"{text} AND hour BETWEEN {low} AND {high}"), [*sql.parameters, query.limit + 1 - len(rows)]
        )
        width *= _WIDER
    return rows


def _whole(connection: Connection, trace_ids: Sequence[str]) -> dict[str, TraceCells]:
    return {row[0]: TraceCells._make(row) for row in rows_of(connection, TRACE_COLUMNS, trace_ids)}


def count_traces(connection: Connection, expression: Expression | None) -> int:
    """Number of traces that meet a filter."""
    sql = selected(expression)
    return int(connection.rows(f"SELECT count() FROM {sql.text}", sql.parameters)[0][0])


def _after_cursor(query: TraceQuery, keys: Sequence[str], descending: Sequence[bool]) -> Fragment | None:
    if query.page_token is None:
        return None
    values = decode_token(query.page_token, (query.filter, query.order_by), len(keys))
    alternatives = []
    for index, key in enumerate(keys):
        same = "".join(f"{earlier} = ? AND " for earlier in keys[:index])
        further = f"({same}{key} {'<' if descending[index] else '>'} ?)"
        alternatives.append(Fragment(further, values[: index + 1]))
    return fill("({})", join("OR", alternatives))

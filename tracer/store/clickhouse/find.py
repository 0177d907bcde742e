"""Lists traces by filter and order, page by page; a page starts after the last row of the one before."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.store.clickhouse.compile import selected
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.read import TRACE_COLUMNS, TraceCells, trace_row
from tracer.store.filter import Expression
from tracer.store.rows import TracePage, TraceQuery
from tracer.store.sqlite.sql import Fragment, fill, join
from tracer.store.sqlite.tokens import decode_token, encode_token

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


def find_traces(connection: Connection, query: TraceQuery) -> TracePage:
    """One page of the traces that a query asks for."""
    columns = [_ORDER_COLUMNS[term.field] for term in query.order_by] + list(_TIES)
    descending = [term.descending for term in query.order_by] + [query.order_by[0].descending] * len(_TIES)
    order = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column, down in zip(columns, descending))
    # the narrow columns decide, the wide ones of this page's rows alone are read
    sql = selected(query.filter).matching(_after_cursor(query, columns, descending))
    rows = connection.rows(
        f"SELECT {', '.join(columns)} FROM {sql.text} ORDER BY {order} LIMIT ?", [*sql.parameters, query.limit + 1]
    )
    has_more = len(rows) > query.limit
    rows = rows[: query.limit]
    token = encode_token((query.filter, query.order_by), rows[-1]) if has_more else None
    found = _whole(connection, [row[-1] for row in rows])
    return TracePage([trace_row(found[row[-1]]) for row in rows if row[-1] in found], token)


def _whole(connection: Connection, trace_ids: Sequence[str]) -> dict[str, TraceCells]:
    if not trace_ids:
        return {}
    rows = connection.rows(
        f"SELECT {TRACE_COLUMNS} FROM traces FINAL WHERE trace_id IN ? AND NOT deleted AND start IS NOT NULL",
        [list(trace_ids)],
    )
    return {row[0]: TraceCells._make(row) for row in rows}


def count_traces(connection: Connection, expression: Expression | None) -> int:
    """How many traces meet a filter."""
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

"""Sessions: traces that belong together, newest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression
from tracer.store.rows import SessionPage, SessionRow
from tracer.store.sql import columns
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.schema import LABEL_MODEL
from tracer.store.sqlite.selecting import selected
from tracer.store.tokens import decode_token, encode_token


class _Totals(NamedTuple):
    trace_count: int
    error_count: int
    start: int
    end: int
    input_tokens: float
    output_tokens: float
    total_tokens: float
    cost: float | None


_TOTALS = {
    "trace_count": "count(*)",
    "error_count": "sum(t.state = 'ERROR')",
    "start": "min(t.start)",
    "end": "max(t.start + ifnull(t.duration, 0))",
    "input_tokens": "total(t.input_tokens)",
    "output_tokens": "total(t.output_tokens)",
    "total_tokens": "total(t.total_tokens)",
    "cost": "sum(t.cost)",
}


# of the traces that meet the filter, most first
_ORDERS = {
    "time": "max(t.start)",
    "traces": "count(*)",
    "errors": "total(t.state = 'ERROR')",
    "tokens": "total(t.total_tokens)",
    "cost": "total(t.cost)",
    "duration": "max(t.start + ifnull(t.duration, 0)) - min(t.start)",
}


def find_sessions(
    connection: sqlite3.Connection,
    expression: Expression | None,
    fulltext: Matcher,
    limit: int,
    page_token: str | None,
    order_by: str,
) -> SessionPage:
    """One page of the sessions that have a trace among those that meet the filter."""
    amount = _ORDERS.get(order_by)
    if amount is None:
        raise InvalidArgumentError(f"cannot order sessions by {order_by[:40]!r}, expected one of {', '.join(_ORDERS)}")
    question = (expression, order_by)
    sql = selected(expression, fulltext).sql.matching("t.session IS NOT NULL")
    after, values = "", []
    if page_token is not None:
        after, values = f" HAVING ({amount}, t.session) < (?, ?)", decode_token(page_token, question, 2)
    found = connection.execute(
        f"SELECT t.session, {amount} FROM {sql.text} GROUP BY t.session{after} ORDER BY 2 DESC, 1 DESC LIMIT ?",
        [*sql.parameters, *values, limit + 1],
    ).fetchall()
    token = encode_token(question, [found[limit - 1][1], found[limit - 1][0]]) if len(found) > limit else None
    return SessionPage(session_rows(connection, [row[0] for row in found[:limit]]), token)


def session_rows(connection: sqlite3.Connection, sessions: Sequence[str]) -> list[SessionRow]:
    """The sums of each session, in this order, without sessions that have no traces."""
    rows = (_session_row(connection, session) for session in sessions)
    return [row for row in rows if row is not None]


def _session_row(connection: sqlite3.Connection, session: str) -> SessionRow | None:
    row = connection.execute(
        f"SELECT {columns(_Totals, **_TOTALS)} FROM traces t WHERE t.session = ? AND t.start IS NOT NULL", (session,)
    ).fetchone()
    total = _Totals._make(row)
    if not total.trace_count:
        return None
    users = connection.execute(
        "SELECT DISTINCT user FROM traces WHERE session = ? AND start IS NOT NULL AND user IS NOT NULL ORDER BY 1",
        (session,),
    )
    models = connection.execute(
        "SELECT DISTINCT l.key FROM traces t CROSS JOIN labels l ON l.trace = t.num WHERE t.session = ? AND l.kind = ?"
        " ORDER BY 1",
        (session, LABEL_MODEL),
    )
    return SessionRow(
        session_id=session,
        users=[row[0] for row in users],
        trace_count=total.trace_count,
        error_count=total.error_count,
        start=total.start,
        end=total.end,
        usage=usage_shape(total.input_tokens, total.output_tokens, total.total_tokens),
        cost=total.cost,
        models=[row[0] for row in models],
        first_request_preview=_preview(connection, session, "request_preview", "ASC"),
        last_response_preview=_preview(connection, session, "response_preview", "DESC"),
    )


def usage_shape(input_tokens: float, output_tokens: float, total_tokens: float) -> dict[str, int]:
    """Sums of tokens by name, as whole numbers."""
    return {"input_tokens": int(input_tokens), "output_tokens": int(output_tokens), "total_tokens": int(total_tokens)}


def _preview(connection: sqlite3.Connection, session: str, column: str, direction: str) -> str | None:
    row = connection.execute(
        f"SELECT {column} FROM traces WHERE session = ? AND start IS NOT NULL AND {column} IS NOT NULL"
        f" ORDER BY start {direction} LIMIT 1",
        (session,),
    ).fetchone()
    return row[0] if row else None

"""Summaries of selected traces: over time, by values of fields, by session, by version of an app."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tracer.errors import InvalidArgumentError
from tracer.store.clickhouse import documents
from tracer.store.clickhouse.compile import LISTED, number_in, selected, with_list
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import hour_of
from tracer.store.filter import Expression, all_of
from tracer.store.numbers import as_float
from tracer.store.percentiles import exact_percentiles
from tracer.store.rows import (
    ExperimentRow,
    Facets,
    FeedbackRow,
    Histogram,
    SessionPage,
    SessionRow,
    VersionRow,
)
from tracer.store.sql import Fragment, Sql, columns
from tracer.store.sqlite.facets import check_facets, facet_of, folded_names
from tracer.store.sqlite.histogram import round_step
from tracer.store.sqlite.sessions import usage_shape
from tracer.store.sqlite.versions import (
    NO_EXAMPLE,
    TEXT_LENGTH,
    TEXTS_LIMIT,
    VERSIONS_LIMIT,
    mean_and_deviation,
    uncertainty,
)
from tracer.store.tokens import decode_token, encode_token

_COUNTED = 10_000
_FACETS = {
    "state": "state",
    "name": "name",
    "user": "user",
    "session": "session",
    "version": "model_id",
    "experiment": "experiment_name",
}
_FACET_ARRAYS = {
    "model": "models",
    "provider": "providers",
    "failed_step": "failed_steps",
    "exception": "exceptions",
}
_TAG = "tags."
_END = "start + ifNull(duration, 0)"


def histogram(
    connection: Connection, expression: Expression | None, *, since: int | None, until: int | None, buckets: int
) -> Histogram | None:
    """The counts between two times in ns, or of the whole range of the traces; None where there are none."""
    sql = selected(expression)
    total, first, last = connection.rows(
        f"SELECT count(), minOrNull(start), maxOrNull(start) FROM {sql.text}", sql.parameters
    )[0]
    low = first if since is None else since
    high = last if until is None else until - 1
    if low is None or high is None:
        return None
    low = max(0, low)
    if high < low:
        return None
    step = round_step(high - low, buckets)
    start = low - low % step
    within = sql.matching(
        Fragment("start BETWEEN ? AND ?", [low, high]), f"hour BETWEEN {hour_of(low)} AND {hour_of(high)}"
    )
    counts = connection.rows(
        f"SELECT intDiv(start - {start}, {step}) AS bucket, count(), countIf(state = 'ERROR') FROM {within.text}"
        " GROUP BY bucket ORDER BY bucket",
        within.parameters,
    )
    found = [(start + number * step, count, errors) for number, count, errors in counts]
    return Histogram(start, high - high % step + step, step, total, found)


def facets(connection: Connection, expression: Expression | None, fields: Sequence[str], limit: int) -> Facets:
    """The most frequent values of each field, each with its number of traces."""
    check_facets(fields)
    sql = selected(expression)
    chosen = [*_FACETS.values(), *_FACET_ARRAYS.values(), "tags"]
    rows = connection.rows(
        f"SELECT {', '.join(chosen)} FROM {sql.text} ORDER BY start DESC LIMIT ?", [*sql.parameters, _COUNTED + 1]
    )
    is_complete, rows = len(rows) <= _COUNTED, rows[:_COUNTED]
    counts: dict[str, Counter[str]] = {
        name: Counter(row[place] for row in rows if row[place] is not None) for place, name in enumerate(_FACETS)
    }
    for place, name in enumerate(_FACET_ARRAYS, start=len(_FACETS)):
        counts[name] = Counter(value for row in rows for value in row[place])
    tags: Counter[tuple[str, str]] = Counter(item for row in rows for item in row[-1].items())
    models_at = len(_FACETS) + list(_FACET_ARRAYS).index("model")
    folded = folded_names(counts["model"])
    for plain, dated in folded.items():
        names = {plain, *dated}
        counts["model"][plain] = sum(1 for row in rows if names.intersection(row[models_at]))
        for name in dated:
            del counts["model"][name]
    for name in fields:
        if name.startswith(_TAG):
            wanted = name[len(_TAG) :]
            counts[name] = Counter({value: count for (key, value), count in tags.items() if key == wanted})
    found = [facet_of(name, counts[name], limit, folded if name == "model" else {}) for name in fields]
    return Facets(found, len(rows), is_complete, sorted({key for key, _ in tags}))


# ---- sessions

# of the traces that meet the filter, most first
_ORDERS = {
    "time": "max(start)",
    "traces": "toInt64(count())",
    "errors": "toInt64(countIf(state = 'ERROR'))",
    "tokens": "sum(ifNull(total_tokens, 0))",
    "cost": "sum(ifNull(cost, 0))",
    "duration": f"max({_END}) - min(start)",
}


class _SessionTotals(NamedTuple):
    session: str
    trace_count: int
    error_count: int
    start: int
    end: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float | None
    users: list[str]
    models: list[str]
    first_request: str | None
    last_response: str | None


_SESSION_TOTALS = {
    "trace_count": "count()",
    "error_count": "countIf(state = 'ERROR')",
    "start": "min(start)",
    "end": f"max({_END})",
    "input_tokens": "sum(toFloat64(ifNull(input_tokens, 0)))",
    "output_tokens": "sum(toFloat64(ifNull(output_tokens, 0)))",
    "total_tokens": "sum(toFloat64(ifNull(total_tokens, 0)))",
    "cost": "sumOrNull(cost)",
    "users": "arraySort(groupUniqArray(user))",
    "models": "arraySort(groupUniqArrayArray(models))",
    "first_request": "argMinIf(request_preview, (start, born), request_preview IS NOT NULL)",
    "last_response": "argMaxIf(response_preview, (start, born), response_preview IS NOT NULL)",
}


def find_sessions(
    connection: Connection, expression: Expression | None, limit: int, page_token: str | None, order_by: str
) -> SessionPage:
    """One page of the sessions that have a trace among those that meet the filter."""
    amount = _ORDERS.get(order_by)
    if amount is None:
        raise InvalidArgumentError(f"cannot order sessions by {order_by[:40]!r}, expected one of {', '.join(_ORDERS)}")
    question = (expression, order_by)
    sql = selected(expression).matching("session IS NOT NULL")
    after, values = "", []
    if page_token is not None:
        after, (value, session) = " HAVING amount < ? OR (amount = ? AND of < ?)", decode_token(page_token, question, 2)
        values = [value, value, session]
    found = connection.rows(
        f"SELECT assumeNotNull(session) AS of, {amount} AS amount FROM {sql.text} GROUP BY of{after}"
        " ORDER BY amount DESC, of DESC LIMIT ?",
        [*sql.parameters, *values, limit + 1],
    )
    token = encode_token(question, [found[limit - 1][1], found[limit - 1][0]]) if len(found) > limit else None
    return SessionPage(session_rows(connection, [row[0] for row in found[:limit]]), token)


def session_rows(connection: Connection, sessions: Sequence[str]) -> list[SessionRow]:
    """The sums of each session, in this order, without sessions that have no traces."""
    if not sessions:
        return []
    sql = LISTED.matching(with_list("session IN ?", sessions))
    rows = connection.rows(
        f"SELECT {columns(_SessionTotals, **_aliased(_SESSION_TOTALS))} FROM {sql.text} GROUP BY session",
        sql.parameters,
    )
    found = {row[0]: _session_row(_SessionTotals._make(row)) for row in rows}
    return [found[session] for session in sessions if session in found]


def _aliased(expressions: dict[str, str]) -> dict[str, str]:
    """Expressions with names that are no columns, which would be read in the places of those."""
    return {name: f"{expression} AS {name}_of" for name, expression in expressions.items()}


def _session_row(total: _SessionTotals) -> SessionRow:
    return SessionRow(
        session_id=total.session,
        users=total.users,
        trace_count=total.trace_count,
        error_count=total.error_count,
        start=total.start,
        end=total.end,
        usage=usage_shape(total.input_tokens, total.output_tokens, total.total_tokens),
        cost=as_float(total.cost),
        models=total.models,
        first_request_preview=total.first_request,
        last_response_preview=total.last_response,
    )


# ---- versions of apps


class _VersionTotals(NamedTuple):
    model_id: str
    trace_count: int
    error_count: int
    first: int
    last: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float | None
    squared_tokens: float
    squared_cost: float
    durations: list[int]
    models: list[str]
    names: list[str]


_VERSION_TOTALS = {
    "trace_count": "count()",
    "error_count": "countIf(state = 'ERROR')",
    "first": "min(start)",
    "last": "max(start)",
    "input_tokens": "sum(toFloat64(ifNull(input_tokens, 0)))",
    "output_tokens": "sum(toFloat64(ifNull(output_tokens, 0)))",
    "total_tokens": "sum(toFloat64(ifNull(total_tokens, 0)))",
    "cost": "sumOrNull(cost)",
    "squared_tokens": "sum(pow(toFloat64(ifNull(total_tokens, 0)), 2))",
    "squared_cost": "sum(pow(ifNull(cost, 0), 2))",
    "durations": "groupArray(duration)",
    "models": "arraySort(groupUniqArrayArray(models))",
    "names": "groupArray(name)",
}
_LOW = "lowerUTF8(ifNull(text, ''))"
_YES_OR_NO = f"ifNull({_LOW}, '') IN ('true', 'false', 'yes', 'no')"
_SCORE = (
    f"multiIf({_LOW} IN ('true', 'yes'), toNullable(1.0), {_LOW} IN ('false', 'no'), toNullable(0.0),"
    f" {number_in('text').text})"
)


def versions(connection: Connection, expression: Expression | None) -> list[VersionRow]:
    """One row for each version that selected traces name, newest trace first; examples do not count."""
    source = selected(all_of(expression, NO_EXAMPLE)).matching("model_id IS NOT NULL")
    rows = connection.rows(
        f"SELECT {columns(_VersionTotals, **_aliased(_VERSION_TOTALS))} FROM {source.text}"
        f" GROUP BY model_id ORDER BY last_of DESC, model_id LIMIT {VERSIONS_LIMIT}",
        source.parameters,
    )
    given = _feedback(connection, source, "model_id")
    return [_version_row(total, given[total.model_id]) for total in map(_VersionTotals._make, rows)]


def _version_row(total: _VersionTotals, feedback: list[FeedbackRow]) -> VersionRow:
    p50, p95, p99 = exact_percentiles(total.durations)
    names = Counter(total.names)
    return VersionRow(
        model_id=total.model_id,
        trace_count=total.trace_count,
        error_count=total.error_count,
        first=total.first,
        last=total.last,
        usage=usage_shape(total.input_tokens, total.output_tokens, total.total_tokens),
        cost=as_float(total.cost),
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        models=total.models,
        feedback=feedback,
        trace_name=min(names, key=lambda name: (-names[name], name)) if names else None,
        uncertainty=uncertainty(
            total.trace_count, total.total_tokens, total.squared_tokens, total.cost or 0.0, total.squared_cost,
            total.durations,
        ),
    )  # fmt: skip


def feedback(connection: Connection, expression: Expression | None) -> list[FeedbackRow]:
    """Feedback on selected traces by name, the most frequent first."""
    return _feedback(connection, selected(expression), "''")[""]


def _feedback(connection: Connection, source: Sql, group: str) -> dict[str, list[FeedbackRow]]:
    """The same by group of traces."""
    given = (
        f"(SELECT {group} AS of_group, a.type, a.name, a.text FROM {source.text})"
        " ARRAY JOIN a.type AS type, a.name AS named, a.text AS text WHERE type = 'feedback'"
    )
    found: dict[str, list[FeedbackRow]] = defaultdict(list)
    texts: dict[tuple[Any, Any], dict[str, int]] = defaultdict(dict)
    for version, name, text, count in connection.rows(
        f"SELECT of_group, named, substringUTF8(assumeNotNull(text), 1, {TEXT_LENGTH}) AS cut, count() AS times"
        f" FROM {given} AND text IS NOT NULL AND {_SCORE} IS NULL GROUP BY 1, 2, 3 ORDER BY times DESC, cut",
        source.parameters,
    ):
        if len(texts[version, name]) < TEXTS_LIMIT:
            texts[version, name][text] = count
    for version, name, count, numbers, total, squared, answers in connection.rows(
        f"SELECT of_group, named, count() AS times, count({_SCORE}), sum(ifNull({_SCORE}, 0)),"
        f" sum(pow(ifNull({_SCORE}, 0), 2)), countIf({_YES_OR_NO})"
        f" FROM {given} GROUP BY 1, 2 ORDER BY times DESC, named",
        source.parameters,
    ):
        mean, spread = mean_and_deviation(numbers, total, squared)
        said = texts.get((version, name), {})
        found[version].append(FeedbackRow(name, count, mean, spread, said, 0 < numbers == answers))
    return found


def experiments(connection: Connection) -> list[ExperimentRow]:
    """Every experiment, oldest first."""
    counted = {
        number: (count, last)
        for number, count, last in connection.rows(
            "SELECT experiment, count(), max(start) FROM traces FINAL WHERE NOT deleted AND start IS NOT NULL"
            " GROUP BY experiment"
        )
    }
    names = documents.experiment_names(connection)
    return [ExperimentRow(str(number), name, *counted.get(number, (0, None))) for number, name in names.items()]

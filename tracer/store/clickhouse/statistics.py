"""Calls, errors, tokens, cost and latency percentiles by group, as a whole or step by step over time.

The sums come from the rows of traces, which have their spans and the marks of what an ancestor carries too
(topmost.py): right after any repetition and any deletion, without a roll-up that could count twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tracer.errors import InvalidArgumentError
from tracer.store.clickhouse.compile import selected
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import FIRST_HOUR, LAST_HOUR, hour_of
from tracer.store.filter import Expression
from tracer.store.rows import StatisticsRow
from tracer.store.sql import Fragment, Sql, columns
from tracer.store.sqlite.statistics import LATENCIES, STATISTICS_GROUPS
from tracer.store.topmost import CALL_SHIFT, COST, PRICED_BELOW, USAGE

_SPANS = {
    "model": ("s.model", "s.model IS NOT NULL"),
    "provider": ("ifNull(s.provider, 'unknown')", "s.model IS NOT NULL"),
    "name": ("s.name", "true"),
    "type": ("s.type", "true"),
    "tool": ("s.name", "s.type = 'TOOL'"),
    "none": ("'all'", "s.model IS NOT NULL"),
}
_TRACES = {
    "trace_name": "ifNull(name, '')",
    "version": "ifNull(model_id, '')",
    "user": "ifNull(user, '')",
    "session": "ifNull(session, '')",
    "experiment": "experiment_name",
    "state": "state",
    "all_traces": "'all'",
}
_OF_CALLS = ("model", "provider", "none")
_JOINED = (
    "s.ended", "s.name", "s.type", "s.status", "s.model", "s.provider", "s.start", "s.duration", "s.input_tokens",
    "s.output_tokens", "s.cost", "s.covered", "s.first_chunk",
)  # fmt: skip
_NS_PER_MS = 1_000_000
_EVER = 2**62
_SHARES = (0.5 - 1e-10, 0.95 - 1e-10, 0.99 - 1e-10)  # the nearest rank, also where a share of the calls is whole


class _Totals(NamedTuple):
    group: str
    step: int | None
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float
    priced: int
    unmeasured: int
    own_costs: int  # calls with a cost of their own, also where it counts elsewhere
    latencies: list[int]  # ns


def statistics(
    connection: Connection,
    *,
    group_by: str,
    filter: Expression | None,
    since_ms: float | None,
    until_ms: float | None,
    interval_ns: int | None,
    latency: str,
) -> list[StatisticsRow]:
    """One row a group (and step), most calls first."""
    if group_by not in STATISTICS_GROUPS:
        raise InvalidArgumentError(f"group_by is {group_by!r}, expected one of {', '.join(STATISTICS_GROUPS)}")
    if latency not in LATENCIES:
        raise InvalidArgumentError(f"latency is {latency!r}, expected one of {', '.join(LATENCIES)}")
    since, until = (None if bound is None else _ns(bound) for bound in (since_ms, until_ms))
    is_of_first_chunks = latency == "first_chunk"
    prefix = "s." if is_of_first_chunks or group_by not in _TRACES else ""
    bounds = [
        Fragment(f"{prefix}start {sign} ?", [bound])
        for bound, sign in ((since, ">="), (until, "<"))
        if bound is not None
    ]
    traces = selected(filter).matching(_hours(since, until, also_of_spans=bool(prefix)))
    if prefix:
        source = _of_spans(group_by, traces, is_of_first_chunks=is_of_first_chunks).matching(*bounds)
        amounts = _span_amounts(group_by, "s.first_chunk" if is_of_first_chunks else "s.duration")
    else:
        source, amounts = traces.matching(*bounds), _trace_amounts(group_by)
    step = f"intDiv({prefix}start, {interval_ns}) * {interval_ns}" if interval_ns else "NULL"
    found = connection.rows(
        f"SELECT {columns(_Totals, **amounts, step=f'{step} AS step')} FROM {source.text} GROUP BY 1, 2",
        source.parameters,
    )
    rows = [_row(_Totals._make(cells)) for cells in found]
    return sorted(rows, key=lambda row: (row.start or 0, -row.calls, row.group))


def _hours(since: int | None, until: int | None, *, also_of_spans: bool) -> str | None:
    """The hours that traces are in, or that a span of theirs started in."""
    if since is None and until is None:
        return None
    low, high = FIRST_HOUR if since is None else hour_of(since), LAST_HOUR if until is None else hour_of(until)
    within = f"hour BETWEEN {low} AND {high}"
    if not also_of_spans:
        return within
    return f"({within} OR (hour, trace_id) IN (SELECT own, trace_id FROM traces FINAL WHERE deleted = 2 AND {within}))"


def _of_spans(group_by: str, traces: Sql, *, is_of_first_chunks: bool) -> Sql:
    group, condition = _TRACES.get(group_by), _SPANS.get(group_by, ("", "true"))[1]
    of_trace = [] if group is None else [f"{group} AS grouped"]
    inner = f"(SELECT {', '.join([*_JOINED, *of_trace])} FROM {traces.text}) ARRAY JOIN {', '.join(_JOINED)}"
    condition += " AND s.first_chunk IS NOT NULL" if is_of_first_chunks else ""
    return Sql(inner, "s.ended", traces.parameters).matching(condition)


def _amounts(group: str, prefix: str, failed: str, usage: str, cost: str, priced: str, duration: str) -> dict[str, str]:
    own = f"{prefix}cost IS NULL AND ({failed} OR {prefix}input_tokens IS NULL)"
    ranks = ", ".join(map(str, _SHARES))
    return {
        "group": group,
        "calls": "count()",
        "errors": f"countIf({failed})",
        "input_tokens": f"sumIf(toFloat64(ifNull({prefix}input_tokens, 0)), {usage})",
        "output_tokens": f"sumIf(toFloat64(ifNull({prefix}output_tokens, 0)), {usage})",
        "cost": f"sumIf(ifNull({prefix}cost, 0), {cost})",
        "priced": f"countIf({priced})",
        "unmeasured": f"countIf({own})",
        "own_costs": f"countIf({prefix}cost IS NOT NULL)",
        "latencies": f"quantilesExactIf({ranks})(assumeNotNull({duration}), {duration} IS NOT NULL)",
    }


def _span_amounts(group_by: str, duration: str) -> dict[str, str]:
    """Tokens and cost of a span count unless an ancestor carries them too."""
    shift = CALL_SHIFT if group_by in _OF_CALLS else 0
    usage, cost = (f"bitAnd(s.covered, {mark << shift}) = 0" for mark in (USAGE, COST))
    priced = f"(s.cost IS NOT NULL OR bitAnd(s.covered, {PRICED_BELOW}) <> 0)"
    group = "grouped" if group_by in _TRACES else f"{_SPANS[group_by][0]} AS grouped"
    return _amounts(group, "s.", "s.status = 'ERROR'", usage, cost, priced, duration)


def _trace_amounts(group_by: str) -> dict[str, str]:
    group = f"{_TRACES[group_by]} AS grouped"
    return _amounts(group, "", "state = 'ERROR'", "true", "true", "cost IS NOT NULL", "duration")


def _ns(ms: float) -> int:
    return max(-_EVER, min(_EVER, int(ms * _NS_PER_MS)))


def _row(total: _Totals) -> StatisticsRow:
    p50, p95, p99 = (latency_ms(value) for value in total.latencies)
    return StatisticsRow(
        group=total.group,
        calls=total.calls,
        errors=total.errors,
        input_tokens=int(total.input_tokens),
        output_tokens=int(total.output_tokens),
        cost=float(total.cost) if total.own_costs else None,
        priced=total.priced,
        unmeasured=total.unmeasured,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        exact=True,
        start=total.step,
    )


def latency_ms(value: Any) -> float:
    """A latency in ms; 0 where there is none."""
    return value / _NS_PER_MS if value else 0.0

"""Calls, errors, tokens, cost and latency percentiles by group, as a whole or step by step over time."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression
from tracer.store.latencies import latency_count, unpack_latencies
from tracer.store.percentiles import bucket_percentiles, durations_of, exact_percentiles
from tracer.store.rows import StatisticsRow
from tracer.store.sql import Fragment, Sql
from tracer.store.sqlite.compile import SPANS_OF_TRACE, Matcher
from tracer.store.sqlite.hours import HOUR_NS, read_hours, usd
from tracer.store.sqlite.selecting import selected
from tracer.store.topmost import CALL_SHIFT, COST, PRICED_BELOW, USAGE

_SPANS = {
    "model": ("s.model", "s.model IS NOT NULL"),
    "provider": ("ifnull(s.provider, 'unknown')", "s.model IS NOT NULL"),
    "name": ("s.name", "1"),
    "type": ("s.type", "1"),
    "tool": ("s.name", "s.type = 'TOOL'"),
    "none": ("'all'", "s.model IS NOT NULL"),
}
_TRACES = {
    "trace_name": "ifnull(t.name, '')",
    "version": "ifnull(t.model_id, '')",
    "user": "ifnull(t.user, '')",
    "session": "ifnull(t.session, '')",
    "experiment": "(SELECT name FROM experiments WHERE id = t.experiment)",
    "state": "t.state",
    "all_traces": "'all'",
}
_OF_CALLS = ("model", "provider", "none")
STATISTICS_GROUPS = (*_SPANS, *_TRACES)
LATENCIES = ("total", "first_chunk")
_ROLLED = {
    "model": ("model", "model <> ''"),
    "provider": ("CASE provider WHEN '' THEN 'unknown' ELSE provider END", "model <> ''"),
    "name": ("name", "1"),
    "type": ("type", "1"),
    "tool": ("name", "type = 'TOOL'"),
    "none": ("'all'", "model <> ''"),
}
_EXACT_UP_TO_SPANS = 20_000
_NS_PER_MS = 1_000_000
_EVER = 2**62

Key = tuple[Any, Any]  # group, start of the step


@dataclass(frozen=True)
class _Question:
    group_by: str
    filter: Expression | None
    since_ns: int | None
    until_ns: int | None
    interval_ns: int | None
    is_of_first_chunks: bool

    @property
    def is_of_spans(self) -> bool:
        """Whether spans are counted rather than traces, for any group."""
        return self.is_of_first_chunks or self.group_by in _SPANS


@dataclass(frozen=True)
class _Amounts:
    """The columns that are added up, of traces ``t`` or of spans ``s``."""

    row: str
    failed: str
    input_tokens: str
    output_tokens: str
    cost: str
    is_priced: str
    duration: str


_TRACE_AMOUNTS = _Amounts(
    "t", "t.state = 'ERROR'", "t.input_tokens", "t.output_tokens", "t.cost", "t.cost IS NOT NULL", "t.duration"
)


def _span_amounts(question: _Question) -> _Amounts:
    """Tokens and cost of a span count unless an ancestor carries them too (topmost.py)."""
    shift = CALL_SHIFT if question.group_by in _OF_CALLS else 0
    usage, cost = (f"CASE WHEN NOT s.covered & {mark << shift} THEN s.{{}} END" for mark in (USAGE, COST))
    return _Amounts(
        "s", "s.status = 'ERROR'", usage.format("input_tokens"), usage.format("output_tokens"), cost.format("cost"),
        f"(s.cost IS NOT NULL OR s.covered & {PRICED_BELOW} <> 0)",
        "s.first_chunk" if question.is_of_first_chunks else "s.duration",
    )  # fmt: skip


@dataclass(slots=True)
class _Sum:
    """The sums of a group; the cost in USD."""

    calls: int = 0
    errors: int = 0
    input_tokens: float = 0
    output_tokens: float = 0
    cost: float = 0.0
    priced: int = 0
    unmeasured: int = 0
    own_costs: int = 0  # calls with a cost of their own, also where it counts elsewhere
    durations: list[int] = field(default_factory=list)
    latencies: int = 0  # of calls whose durations are known as counts only

    def add(self, more: _Sum) -> None:
        """Add another one, its durations as counts."""
        self.calls += more.calls
        self.errors += more.errors
        self.input_tokens += more.input_tokens
        self.output_tokens += more.output_tokens
        self.cost += more.cost
        self.priced += more.priced
        self.unmeasured += more.unmeasured
        self.own_costs += more.own_costs
        self.latencies += sum(map(latency_count, more.durations))


def statistics(
    connection: sqlite3.Connection,
    *,
    group_by: str,
    filter: Expression | None,
    since_ms: float | None,
    until_ms: float | None,
    interval_ns: int | None,
    latency: str,
    fulltext: Matcher,
) -> list[StatisticsRow]:
    """One row a group (and step), most calls first; from the roll-up where spans are many and no filter needs them."""
    if group_by not in STATISTICS_GROUPS:
        raise InvalidArgumentError(f"group_by is {group_by!r}, expected one of {', '.join(STATISTICS_GROUPS)}")
    if latency not in LATENCIES:
        raise InvalidArgumentError(f"latency is {latency!r}, expected one of {', '.join(LATENCIES)}")
    question = _Question(group_by, filter, _ns(since_ms), _ns(until_ms), interval_ns, latency == "first_chunk")
    if not question.is_of_spans:
        rows = _from_traces(connection, question, fulltext)
    elif _can_be_rolled_up(question) and _are_many(connection, question):
        rows = _from_hours(connection, question)
    else:
        rows = _from_spans(connection, question, fulltext)
    return sorted(rows, key=lambda row: (row.start or 0, -row.calls, row.group))


def _ns(ms: float | None) -> int | None:
    return None if ms is None else max(-_EVER, min(_EVER, int(ms * _NS_PER_MS)))


def _can_be_rolled_up(question: _Question) -> bool:
    is_by_hours = not (question.interval_ns or 0) % HOUR_NS
    is_kept = question.filter is None and not question.is_of_first_chunks
    return is_kept and is_by_hours and _has_whole_hours(question)


def _has_whole_hours(question: _Question) -> bool:
    return question.until_ns is None or _first_whole_hour(question.since_ns) < question.until_ns // HOUR_NS


def _first_whole_hour(since_ns: int | None) -> int:
    return -_EVER if since_ns is None else -(-since_ns // HOUR_NS)


def _are_many(connection: sqlite3.Connection, question: _Question) -> bool:
    counted = _within(Sql("spans s", "1"), "s.start", question.since_ns, question.until_ns)
    found = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {counted.text} LIMIT ?)", [*counted.parameters, _EXACT_UP_TO_SPANS + 1]
    ).fetchone()
    return bool(found[0] > _EXACT_UP_TO_SPANS)


def _from_spans(connection: sqlite3.Connection, question: _Question, fulltext: Matcher) -> Iterable[StatisticsRow]:
    group, condition = _spans_of(question)
    source, start = Sql("spans s", condition), "s.start"
    if question.filter is not None or question.group_by in _TRACES:
        source = selected(question.filter, fulltext).sql.cross_join("spans s", SPANS_OF_TRACE, condition)
        start = "+s.start"  # a span is found by its trace, not by the index of all starts
    rows = _within(source, start, question.since_ns, question.until_ns)
    return _exact_rows(_summed(connection, question, _span_amounts(question), group, rows))


def _spans_of(question: _Question) -> tuple[str, str]:
    """The SQL of the spans' group, and of the condition for spans that count."""
    group, condition = _SPANS.get(question.group_by) or (_TRACES[question.group_by], "1")
    return (group, f"{condition} AND s.first_chunk IS NOT NULL") if question.is_of_first_chunks else (group, condition)


def _from_traces(connection: sqlite3.Connection, question: _Question, fulltext: Matcher) -> Iterable[StatisticsRow]:
    source = selected(question.filter, fulltext).sql
    rows = _within(source, "t.start", question.since_ns, question.until_ns)
    return _exact_rows(_summed(connection, question, _TRACE_AMOUNTS, _TRACES[question.group_by], rows))


def _within(source: Sql, column: str, since_ns: int | None, until_ns: int | None) -> Sql:
    bounds = ((since_ns, ">="), (until_ns, "<"))
    return source.matching(*(Fragment(f"{column} {sign} ?", [bound]) for bound, sign in bounds if bound is not None))


def _summed(
    connection: sqlite3.Connection, question: _Question, amounts: _Amounts, group: str, source: Sql
) -> dict[Key, _Sum]:
    """Adds up rows of spans or traces by group and step."""
    interval, row = question.interval_ns, amounts.row
    step = "NULL" if interval is None else f"{row}.start / {interval} * {interval}"
    found = connection.execute(
        f"SELECT {group}, {step}, count(*), sum({amounts.failed}), total({amounts.input_tokens}),"
        f" total({amounts.output_tokens}), total({amounts.cost}), sum({amounts.is_priced}),"
        f" sum({row}.cost IS NULL AND ({amounts.failed} OR {row}.input_tokens IS NULL)),"
        f" count({row}.cost), group_concat({amounts.duration})"
        f" FROM {source.text} GROUP BY 1, 2",
        source.parameters,
    )
    sums: dict[Key, _Sum] = {}
    for name, start, calls, errors, input_tokens, output_tokens, cost, priced, unmeasured, costs, durations in found:
        sums[name, start] = _Sum(
            calls, errors, input_tokens, output_tokens, cost, priced, unmeasured, costs, durations_of(durations)
        )
    return sums


def _exact_rows(sums: dict[Key, _Sum]) -> list[StatisticsRow]:
    return [_row(key, total, exact_percentiles(total.durations), exact=True) for key, total in sums.items()]


def _from_hours(connection: sqlite3.Connection, question: _Question) -> Iterable[StatisticsRow]:
    """Whole hours from the roll-up, the time before and after them from the spans."""
    since, until = question.since_ns, question.until_ns
    first, last = _first_whole_hour(since), _EVER if until is None else until // HOUR_NS
    sums = _sums_of_hours(connection, question, first, last)
    edges = [] if since is None else [(since, first * HOUR_NS)]
    edges += [] if until is None else [(last * HOUR_NS, until)]
    group, condition = _SPANS[question.group_by]
    for since, until in edges:
        rows = _within(Sql("spans s", condition), "s.start", since, until)
        for key, more in _summed(connection, question, _span_amounts(question), group, rows).items():
            sums[key].add(more)
    for (name, _), total in sums.items():
        if total.priced and not total.own_costs:  # the roll-up does not have them
            total.own_costs = int(total.cost > 0 or _has_costs(connection, question, name))
    return [_row(key, total, bucket_percentiles(total.latencies), exact=False) for key, total in sums.items()]


def _sums_of_hours(connection: sqlite3.Connection, question: _Question, first: int, last: int) -> dict[Key, _Sum]:
    group, condition = _ROLLED[question.group_by]
    steps = (question.interval_ns or 0) // HOUR_NS
    sums: dict[Key, _Sum] = defaultdict(_Sum)
    of_calls = question.group_by in _OF_CALLS
    for name, hour, spans, errors, input_tokens, output_tokens, priced, unmeasured, cost, latencies in read_hours(
        connection, group, condition, first, last, of_calls=of_calls
    ):
        total = sums[name, hour // steps * steps * HOUR_NS if steps else None]
        total.calls += spans
        total.errors += errors
        total.input_tokens += input_tokens
        total.output_tokens += output_tokens
        total.cost += usd(cost)
        total.priced += priced
        total.unmeasured += unmeasured
        total.latencies += unpack_latencies(latencies)
    return sums


def _has_costs(connection: sqlite3.Connection, question: _Question, name: str) -> bool:
    group, condition = _SPANS[question.group_by]
    source = Sql("spans s", condition).matching(Fragment(f"{group} = ? AND s.cost IS NOT NULL", [name]))
    rows = _within(source, "s.start", question.since_ns, question.until_ns)
    return connection.execute(f"SELECT 1 FROM {rows.text} LIMIT 1", rows.parameters).fetchone() is not None


def _row(key: Key, total: _Sum, percentiles: tuple[float, float, float], *, exact: bool) -> StatisticsRow:
    p50, p95, p99 = percentiles
    return StatisticsRow(
        group=key[0],
        calls=total.calls,
        errors=total.errors,
        input_tokens=int(total.input_tokens),
        output_tokens=int(total.output_tokens),
        cost=total.cost if total.own_costs else None,
        priced=total.priced,
        unmeasured=total.unmeasured,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        exact=exact,
        start=key[1],
    )

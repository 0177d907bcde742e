"""Takes news into the tables: plans everything outside the lock, then writes in one short transaction.

A plan is made from what the tables hold at that moment. Every change of a trace gives it a new change number, so a plan
still fits when the change numbers of its traces are what they were; else it is made again.
"""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tracer import _fault
from tracer.record import ATTACHMENT_SCHEME
from tracer.store.sqlite import chunks
from tracer.store.sqlite.decode import News, NewSpan, SpanFacts, TraceNews
from tracer.store.sqlite.known import KnownTrace, load_known
from tracer.store.sqlite.migrations import (
    LABEL_METADATA,
    LABEL_MODEL,
    LABEL_PROVIDER,
    LABEL_TAG,
    POSITION_BITS,
    POSITION_MASK,
)
from tracer.store.sqlite.rollup import RollUp, Running, latency_bucket, roll_up
from tracer.store.sqlite.said import Said
from tracer.store.text import request_preview, response_preview

_HOUR_NS = 3_600_000_000_000
_ATTACHMENT = re.compile(re.escape(ATTACHMENT_SCHEME).encode() + rb"([0-9a-f]{64})")
_OPTIMISTIC_TRIES = 3

_INSERT_SPAN = f"INSERT INTO spans VALUES ({','.join('?' * 21)})"
_TRACE_COLUMNS = (
    "num", "trace_id", "seq", "experiment", "state", "name", "root_span", "start", "duration", "next_position", "spans",
    "errors", "input_tokens", "output_tokens", "total_tokens", "usage", "input_cost", "output_cost", "cost",
    "request_preview",
    "response_preview", "session", "user", "model_id", "run_id", "client_request_id", "said", "owner",
)  # fmt: skip
_INSERT_TRACE = f"INSERT INTO traces({','.join(_TRACE_COLUMNS)}) VALUES ({','.join('?' * len(_TRACE_COLUMNS))})"
_UPDATE_TRACE = f"UPDATE traces SET {','.join(f'{name}=?' for name in _TRACE_COLUMNS[2:])} WHERE num=?"
_ADD_CALLS = """INSERT INTO calls VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (hour, model, provider, bucket) DO UPDATE SET
    calls = calls + excluded.calls, errors = errors + excluded.errors, cost = cost + excluded.cost,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    priced = priced + excluded.priced"""
_PUT_ASSESSMENT = "INSERT OR REPLACE INTO assessments VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"


@dataclass(slots=True)
class _TracePlan:
    """What one trace becomes."""

    known: KnownTrace
    news: TraceNews
    said: Said
    is_new: bool
    new_spans: list[NewSpan] = field(default_factory=list)
    packed: list[tuple[int, int, int, bytes]] = field(default_factory=list)  # first, number of spans, codec, content
    rolled: RollUp | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    labels: dict[tuple[int, str], str] = field(default_factory=dict)
    attachments: set[str] = field(default_factory=set)
    assessments: list[dict[str, Any]] = field(default_factory=list)


def append(connection: sqlite3.Connection, news: News) -> None:
    """Write the news; raises sqlite3.Error and leaves the tables as they were."""
    for attempt in range(_OPTIMISTIC_TRIES + 1):
        optimistic = attempt < _OPTIMISTIC_TRIES
        if not optimistic:
            connection.execute("BEGIN IMMEDIATE")
        try:
            plans = _plan(connection, news)
            if not (plans or news.attachments or news.processes):
                _end(connection, commit=False)
                return
            if optimistic:
                connection.execute("BEGIN IMMEDIATE")
                if not _still_fits(connection, plans):
                    _end(connection, commit=False)
                    continue
            _write(connection, plans, news)
            connection.execute("COMMIT")
            return
        except BaseException:
            _end(connection, commit=False)
            raise


def _end(connection: sqlite3.Connection, *, commit: bool) -> None:
    if connection.in_transaction:
        connection.execute("COMMIT" if commit else "ROLLBACK")


def _plan(connection: sqlite3.Connection, news: News) -> list[_TracePlan]:
    known = load_known(connection, list(news.traces))
    plans = (_plan_trace(connection, known.get(trace_id), trace) for trace_id, trace in news.traces.items())
    return [plan for plan in plans if plan is not None]


def _plan_trace(connection: sqlite3.Connection, stored: KnownTrace | None, news: TraceNews) -> _TracePlan | None:
    known = stored or KnownTrace(trace_id=news.trace_id, owner=news.owner)
    plan = _TracePlan(known, news, known.said.copy(), is_new=stored is None)
    plan.new_spans = [span for span_id, span in news.spans.items() if span_id not in known.spans]
    said_something = plan.said.take(news.said)
    started = _start_spans(plan)
    plan.assessments = _newer_assessments(connection, news)
    if not (plan.new_spans or started or said_something or plan.assessments or stored is None):
        return None  # all of it was here already
    for span in plan.new_spans:
        known.spans[span.facts.span_id] = span.facts
        known.running.pop(span.facts.span_id, None)
    plan.rolled = roll_up(known.spans, known.running)
    _pack(plan)
    _preview(connection, plan)
    plan.labels = _labels(plan)
    return plan


def _newer_assessments(connection: sqlite3.Connection, news: TraceNews) -> list[dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for record in news.assessments:
        known = newest.get(record["id"])
        if known is None or _time_of(record) >= _time_of(known):
            newest[record["id"]] = record
    stored: dict[str, int] = {}
    for part in _parts(list(newest)):
        stored.update(
            connection.execute(f"SELECT id, time FROM assessments WHERE id IN ({','.join('?' * len(part))})", part)
        )
    return [record for id, record in newest.items() if id not in stored or _time_of(record) > stored[id]]


def _time_of(record: dict[str, Any]) -> int:
    time = record.get("time")
    return time if isinstance(time, int) else 0


def _start_spans(plan: _TracePlan) -> bool:
    started = False
    for span_id, facts in plan.news.starts.items():
        ended = span_id in plan.known.spans or span_id in plan.news.spans
        if not ended and span_id not in plan.known.running:
            plan.known.running[span_id] = Running(facts)
            started = True
    return started


def _pack(plan: _TracePlan) -> None:
    lines = [span.line for span in plan.new_spans]
    for first, run in chunks.split(lines):
        plan.packed.append((first, len(run), *chunks.pack(run)))
    for line in lines:
        if ATTACHMENT_SCHEME.encode() in line:
            plan.attachments.update(digest.decode() for digest in _ATTACHMENT.findall(line))


def _preview(connection: sqlite3.Connection, plan: _TracePlan) -> None:
    rolled = plan.rolled
    if rolled is None or rolled.root is None or rolled.root not in plan.known.spans:
        return
    if rolled.root == plan.known.root and rolled.root not in {span.facts.span_id for span in plan.new_spans}:
        plan.request_preview, plan.response_preview = plan.known.request_preview, plan.known.response_preview
        return
    record = _record_of(connection, plan, rolled.root)
    if record is not None:
        with _fault.guard("making the preview of a trace"):
            plan.request_preview, plan.response_preview = request_preview(record), response_preview(record)


def _record_of(connection: sqlite3.Connection, plan: _TracePlan, span_id: str) -> dict[str, Any] | None:
    for span in plan.new_spans:
        if span.facts.span_id == span_id:
            return span.record
    low = plan.known.num << POSITION_BITS
    row = connection.execute(
        "SELECT c.codec, c.content, s.id - c.trace * ? - c.first FROM spans s JOIN chunks c ON c.id = s.chunk"
        " WHERE s.id BETWEEN ? AND ? AND s.span_id = ?",
        (1 << POSITION_BITS, low, low | POSITION_MASK, span_id),
    ).fetchone()
    return chunks.unpack(row[0], row[1])[row[2]] if row else None


def _labels(plan: _TracePlan) -> dict[tuple[int, str], str]:
    rolled = plan.rolled
    labels = {(LABEL_TAG, key): value for key, value in plan.said.tags.items()}
    labels.update({(LABEL_METADATA, key): value for key, value in plan.said.metadata.items()})
    if rolled is not None:
        labels.update({(LABEL_MODEL, model): "" for model in rolled.models})
        labels.update({(LABEL_PROVIDER, provider): "" for provider in rolled.providers})
    return labels


def _still_fits(connection: sqlite3.Connection, plans: Sequence[_TracePlan]) -> bool:
    expected = {plan.known.trace_id: plan.known.seq for plan in plans if not plan.is_new}
    found: dict[str, int] = {}
    ids = [plan.known.trace_id for plan in plans]
    for part in _parts(ids):
        found.update(
            connection.execute(
                f"SELECT trace_id, seq FROM traces WHERE trace_id IN ({','.join('?' * len(part))})", part
            )
        )
    return found == expected


def _parts(ids: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (ids[index : index + size] for index in range(0, len(ids), size))


def _write(connection: sqlite3.Connection, plans: Sequence[_TracePlan], news: News) -> None:
    counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counters"))
    counters["seq"] += 1
    experiments = _experiments(connection, plans)
    span_rows: list[tuple[Any, ...]] = []
    chunk_rows: list[tuple[Any, ...]] = []
    for plan in plans:
        if plan.is_new:
            counters["trace"] += 1
            plan.known.num = counters["trace"]
        _place_spans(plan, counters, span_rows, chunk_rows)
    counters["spans"] += len(span_rows)
    connection.executemany("INSERT INTO chunks VALUES (?,?,?,?,?)", chunk_rows)
    connection.executemany(_INSERT_SPAN, span_rows)
    _write_traces(connection, plans, counters["seq"], experiments)
    _write_labels(connection, plans)
    _write_running(connection, plans)
    connection.executemany(_ADD_CALLS, call_rows(span.facts for plan in plans for span in plan.new_spans))
    _write_assessments(connection, plans)
    _write_attachments(connection, plans, news)
    connection.executemany(
        "UPDATE counters SET value = ? WHERE name = ?", [(value, name) for name, value in counters.items()]
    )


def _place_spans(
    plan: _TracePlan, counters: dict[str, int], span_rows: list[tuple[Any, ...]], chunk_rows: list[tuple[Any, ...]]
) -> None:
    base = plan.known.num << POSITION_BITS
    position = plan.known.next_position
    if position + len(plan.new_spans) > POSITION_MASK:
        raise sqlite3.DataError(f"trace {plan.known.trace_id} has more than {POSITION_MASK} spans")
    for first, count, codec, content in plan.packed:
        counters["chunk"] += 1
        chunk_rows.append((counters["chunk"], plan.known.num, position + first, codec, content))
        for offset in range(first, first + count):
            span_rows.append(_span_row(base | position + offset, plan.new_spans[offset].facts, counters["chunk"]))
    plan.known.next_position += len(plan.new_spans)


def _span_row(row_id: int, facts: SpanFacts, chunk: int) -> tuple[Any, ...]:
    usage = facts.usage or {}
    detailed = orjson.dumps(usage).decode() if len(usage) > 3 else None
    costs = facts.cost or (None, None, None)
    return (
        row_id, facts.span_id, facts.parent_id, int(facts.remote), facts.name, facts.type, facts.status, facts.message,
        facts.start, facts.duration, facts.model, facts.request_model, facts.provider, usage.get("input_tokens"),
        usage.get("output_tokens"), usage.get("total_tokens"), detailed, *costs, chunk,
    )  # fmt: skip


def _experiments(connection: sqlite3.Connection, plans: Sequence[_TracePlan]) -> dict[str, int]:
    names = {plan.said.value("experiment") for plan in plans}
    found: dict[str, int] = {}
    for name in sorted(name for name in names if name):
        connection.execute("INSERT OR IGNORE INTO experiments(name) VALUES (?)", (name,))
        found[name] = connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()[0]
    return found


def _write_traces(
    connection: sqlite3.Connection, plans: Sequence[_TracePlan], seq: int, experiments: dict[str, int]
) -> None:
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for plan in plans:
        row = _trace_row(plan, seq, experiments)
        if plan.is_new:
            new.append(row)
        else:
            changed.append((*row[2:], row[0]))
    connection.executemany(_INSERT_TRACE, new)
    connection.executemany(_UPDATE_TRACE, changed)


def _trace_row(plan: _TracePlan, seq: int, experiments: dict[str, int]) -> tuple[Any, ...]:
    rolled, said, known = plan.rolled, plan.said, plan.known
    assert rolled is not None
    usage = rolled.usage or {}
    state = said.value("state") if rolled.state in ("OK", "ERROR") else None
    return (
        known.num, known.trace_id, seq, experiments.get(said.value("experiment") or "", 0), state or rolled.state,
        rolled.name, rolled.root, rolled.start, rolled.duration, known.next_position, rolled.spans,
        rolled.errors, usage.get("input_tokens"), usage.get("output_tokens"), usage.get("total_tokens"),
        orjson.dumps(usage).decode() if usage else None, *(rolled.cost or (None, None, None)),
        said.value("request_preview") or plan.request_preview, said.value("response_preview") or plan.response_preview,
        said.value("session_id"), said.value("user"), said.value("model_id"), said.value("run_id"),
        said.value("client_request_id"), said.encoded(), known.owner or plan.news.owner,
    )  # fmt: skip


def _write_labels(connection: sqlite3.Connection, plans: Sequence[_TracePlan]) -> None:
    gone: list[tuple[int, int, str]] = []
    rows: list[tuple[Any, ...]] = []
    for plan in plans:
        start = plan.rolled.start if plan.rolled else None
        old = plan.known.labels
        moved = start != plan.known.start
        gone.extend((plan.known.num, kind, key) for kind, key in old.keys() - plan.labels.keys())
        rows.extend(
            (plan.known.num, kind, key, value, start)
            for (kind, key), value in plan.labels.items()
            if moved or old.get((kind, key)) != value
        )
    connection.executemany("DELETE FROM labels WHERE trace = ? AND kind = ? AND key = ?", gone)
    connection.executemany("INSERT OR REPLACE INTO labels VALUES (?,?,?,?,?)", rows)


def _write_running(connection: sqlite3.Connection, plans: Sequence[_TracePlan]) -> None:
    ended = [
        (plan.known.num, span.facts.span_id) for plan in plans if plan.known.had_running for span in plan.new_spans
    ]
    connection.executemany("DELETE FROM running WHERE trace = ? AND span_id = ?", ended)
    connection.executemany(
        "INSERT OR IGNORE INTO running(trace, span_id, parent_id, remote, name, type, start, owner)"
        " VALUES (?,?,?,?,?,?,?,?)",
        [
            (
                plan.known.num,
                span_id,
                facts.parent_id,
                int(facts.remote),
                facts.name,
                facts.type,
                facts.start,
                facts.owner,
            )
            for plan in plans
            for span_id, facts in plan.news.starts.items()
            if span_id in plan.known.running
        ],
    )


def call_rows(spans: Iterable[SpanFacts], sign: int = 1) -> list[tuple[Any, ...]]:
    """The hourly roll-up of these spans' calls; with a sign of -1 what takes them out of it again."""
    calls: dict[tuple[int, str, str, int], list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0.0, 0])
    for span in spans:
        if span.model is None:
            continue
        key = (span.start // _HOUR_NS, span.model, span.provider or "", latency_bucket(span.duration))
        counts = calls[key]
        counts[0] += 1
        counts[1] += span.status == "ERROR"
        counts[2] += (span.usage or {}).get("input_tokens", 0)
        counts[3] += (span.usage or {}).get("output_tokens", 0)
        counts[4] += span.cost[2] if span.cost else 0.0
        counts[5] += span.cost is not None
    return [(*key, *(sign * count for count in counts)) for key, counts in calls.items()]


def _write_assessments(connection: sqlite3.Connection, plans: Sequence[_TracePlan]) -> None:
    rows = [_assessment_row(plan.known.num, record) for plan in plans for record in plan.assessments]
    connection.executemany(_PUT_ASSESSMENT, rows)


def _assessment_row(trace: int, record: dict[str, Any]) -> tuple[Any, ...]:
    value = record.get("value")
    return (
        record["id"],
        trace,
        record.get("span_id"),
        record["name"],
        record.get("type") or "feedback",
        orjson.dumps(value).decode(),
        _plain_text(value),
        record.get("rationale"),
        orjson.dumps(record.get("source") or {}).decode(),
        orjson.dumps(record.get("metadata") or {}).decode(),
        record.get("error"),
        _time_of(record),
    )


def _plain_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _write_attachments(connection: sqlite3.Connection, plans: Sequence[_TracePlan], news: News) -> None:
    rows = [row for row in (_attachment_row(record) for record in news.attachments.values()) if row]
    connection.executemany("INSERT OR IGNORE INTO attachments VALUES (?,?,?)", rows)
    uses = [(plan.known.num, digest) for plan in plans for digest in sorted(plan.attachments)]
    connection.executemany("INSERT OR IGNORE INTO attachment_uses VALUES (?,?)", uses)
    connection.executemany(
        "INSERT OR IGNORE INTO processes VALUES (?,?,?,?)",
        [_process_row(record) for record in news.processes if record.get("owner")],
    )


def _process_row(record: dict[str, Any]) -> tuple[Any, ...]:
    resource = orjson.dumps(record.get("resource") or {}).decode()
    return str(record["owner"]), record.get("pid"), record.get("time"), resource


def _attachment_row(record: dict[str, Any]) -> tuple[str, str, bytes] | None:
    try:
        return record["id"], str(record.get("mime") or "application/octet-stream"), base64.b64decode(record["content"])
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        _fault.report("reading an attachment for the store", error)
        return None

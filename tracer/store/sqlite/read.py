"""Reads traces, spans, payloads and changes."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.store.decode import SpanFacts
from tracer.store.rows import AssessmentRow, Changes, StoredTrace, TraceRow
from tracer.store.sql import columns, marks
from tracer.store.sqlite.blocks import PACKED, unpack
from tracer.store.sqlite.known import FACTS_COLUMNS, FactsCells, facts_of, in_parts
from tracer.store.sqlite.schema import (
    LABEL_FAILED_STEP,
    LABEL_METADATA,
    LABEL_MODEL,
    LABEL_PROVIDER,
    LABEL_TAG,
    POSITION_BITS,
    POSITION_MASK,
)


class TraceCells(NamedTuple):
    """The cells of a trace's row in ``traces``."""

    num: int
    trace_id: str
    seq: int
    experiment: int
    experiment_name: str
    state: str
    name: str | None
    root_span: str | None
    start: int
    duration: int | None
    spans: int
    errors: int
    usage: str | None
    input_cost: float | None
    output_cost: float | None
    cost: float | None
    request_preview: str | None
    response_preview: str | None
    session: str | None
    user: str | None
    model_id: str | None
    run_id: str | None
    client_request_id: str | None


class _AssessmentCells(NamedTuple):
    trace: int
    id: str
    span_id: str | None
    name: str
    type: str
    value: str
    rationale: str | None
    source: str
    metadata: str
    error: str | None
    time: int


class _RunningCells(NamedTuple):
    span_id: str
    parent_id: str | None
    remote: int
    name: str
    type: str
    start: int
    gone: int
    record: bytes | None


class _PlaceCells(NamedTuple):
    """The place of a span's record, its cost, and the span beside it that it is shown below."""

    block: int
    offset: int
    input_cost: float | None
    output_cost: float | None
    cost: float | None
    beside: str | None


TRACE_COLUMNS = columns(TraceCells, "t.", experiment_name="(SELECT name FROM experiments WHERE id = t.experiment)")
_RUNNING_COLUMNS = columns(_RunningCells)
_RUNNING_COLUMNS_ALONE = columns(_RunningCells, record="NULL")
_ASSESSMENT_COLUMNS = columns(_AssessmentCells)
_PLACE_COLUMNS = columns(_PlaceCells, "s.", block="s.chunk", offset=f"(s.id & {POSITION_MASK}) - c.first")
_PART = 500


def read_trace(connection: sqlite3.Connection, trace_id: str, *, payload: bool, after: int = 0) -> StoredTrace | None:
    """A trace with its spans, as of one moment; of those that ended only the ones after a position."""
    connection.execute("BEGIN")
    try:
        row = connection.execute(
            f"SELECT t.next_position, {TRACE_COLUMNS} FROM traces t WHERE t.trace_id = ? AND t.start IS NOT NULL",
            (trace_id,),
        ).fetchone()
        if row is None:
            return None
        position, *cells = row
        trace = TraceCells._make(cells)
        spans = read_spans(connection, trace.num, trace_id, payload=payload, after=after)
        resource = _resource(connection, trace.num)
        return StoredTrace(trace_rows(connection, [trace])[0], spans, resource, position=position)
    finally:
        connection.execute("COMMIT")


def _resource(connection: sqlite3.Connection, num: int) -> JsonObject:
    row = connection.execute(
        "SELECT p.resource FROM traces t JOIN processes p ON p.owner = t.owner WHERE t.num = ?", (num,)
    ).fetchone()
    resource: JsonObject = orjson.loads(row[0]) if row else {}
    return resource


def trace_num(connection: sqlite3.Connection, trace_id: str) -> int | None:
    """The number of a trace."""
    row = connection.execute("SELECT num FROM traces WHERE trace_id = ?", (trace_id,)).fetchone()
    return int(row[0]) if row else None


def trace_rows(connection: sqlite3.Connection, traces: Sequence[TraceCells]) -> list[TraceRow]:
    """Traces with their tags, metadata, models and assessments."""
    nums = [trace.num for trace in traces]
    labels = _labels(connection, nums)
    assessments = _assessments(connection, {trace.num: trace.trace_id for trace in traces})
    return [_trace_row(trace, labels[trace.num], assessments[trace.num]) for trace in traces]


def _trace_row(trace: TraceCells, labels: dict[int, dict[str, str]], assessments: list[AssessmentRow]) -> TraceRow:
    return TraceRow(
        trace_id=trace.trace_id,
        seq=trace.seq,
        experiment_id=str(trace.experiment),
        experiment=trace.experiment_name,
        state=trace.state,
        name=trace.name,
        root_span_id=trace.root_span,
        start=trace.start,
        duration=trace.duration,
        span_count=trace.spans,
        error_count=trace.errors,
        usage=orjson.loads(trace.usage) if trace.usage else None,
        cost=costs(trace.input_cost, trace.output_cost, trace.cost),
        request_preview=trace.request_preview,
        response_preview=trace.response_preview,
        session_id=trace.session,
        user=trace.user,
        model_id=trace.model_id,
        run_id=trace.run_id,
        client_request_id=trace.client_request_id,
        models=sorted(labels[LABEL_MODEL]),
        providers=sorted(labels[LABEL_PROVIDER]),
        failed_steps=sorted(labels[LABEL_FAILED_STEP]),
        tags=labels[LABEL_TAG],
        metadata=labels[LABEL_METADATA],
        assessments=assessments,
    )


def costs(input_cost: float | None, output_cost: float | None, total: float | None) -> dict[str, float] | None:
    """Input, output and total cost by name."""
    if total is None:
        return None
    named = {"input_cost": input_cost, "output_cost": output_cost, "total_cost": total}
    return {name: float(value) for name, value in named.items() if value is not None}


def _labels(connection: sqlite3.Connection, nums: Sequence[int]) -> dict[int, dict[int, dict[str, str]]]:
    labels: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for part in _parts(nums):
        rows = connection.execute(
            f"SELECT trace, kind, key, value FROM labels WHERE trace IN ({','.join('?' * len(part))})", part
        )
        for num, kind, key, value in rows:
            labels[num][kind][key] = value
    return labels


def _assessments(connection: sqlite3.Connection, ids: dict[int, str]) -> dict[int, list[AssessmentRow]]:
    found: dict[int, list[AssessmentRow]] = defaultdict(list)
    for part in _parts(list(ids)):
        rows = connection.execute(
            f"SELECT {_ASSESSMENT_COLUMNS} FROM assessments"
            f" WHERE trace IN ({marks(part)}) AND deleted <> 1 ORDER BY time, id",
            part,
        )
        for cells in map(_AssessmentCells._make, rows):
            found[cells.trace].append(
                AssessmentRow(
                    id=cells.id,
                    trace_id=ids[cells.trace],
                    span_id=cells.span_id,
                    name=cells.name,
                    type=cells.type,
                    value=orjson.loads(cells.value),
                    rationale=cells.rationale,
                    source=orjson.loads(cells.source),
                    metadata=orjson.loads(cells.metadata),
                    error=cells.error,
                    time=cells.time,
                )
            )
    return found


def _parts(nums: Sequence[int]) -> list[Sequence[int]]:
    return [nums[index : index + _PART] for index in range(0, len(nums), _PART)]


def read_spans(
    connection: sqlite3.Connection, num: int, trace_id: str, *, payload: bool, after: int = 0
) -> list[JsonObject]:
    """The records of a trace's spans, ended and running, sorted by start."""
    low = num << POSITION_BITS
    bounds = (low | min(after, POSITION_MASK), low | POSITION_MASK)
    records = _whole_spans(connection, bounds) if payload else _narrow_spans(connection, bounds, trace_id)
    records.extend(_running_spans(connection, num, trace_id, payload=payload))
    records.sort(key=lambda record: (record.get("start") or 0, record["span_id"]))
    return records


def read_spans_of(
    connection: sqlite3.Connection, trace_ids: Sequence[str], *, payload: bool
) -> dict[str, list[JsonObject]]:
    """The records of the spans of several traces, as of one moment."""
    found: dict[str, list[JsonObject]] = {trace_id: [] for trace_id in trace_ids}
    connection.execute("BEGIN")
    try:
        for part in in_parts(list(found)):
            rows = connection.execute(
                f"SELECT num, trace_id FROM traces WHERE start IS NOT NULL AND trace_id IN ({marks(part)})", part
            ).fetchall()
            for num, trace_id in rows:
                found[trace_id] = read_spans(connection, num, trace_id, payload=payload)
    finally:
        connection.execute("COMMIT")
    return found


def _whole_spans(connection: sqlite3.Connection, bounds: tuple[int, int]) -> list[JsonObject]:
    contents: dict[int, list[JsonObject]] = {}
    for block, *packed in connection.execute(
        f"SELECT c.id, {PACKED} FROM chunks c"
        " WHERE c.id IN (SELECT DISTINCT chunk FROM spans WHERE id BETWEEN ? AND ?)",
        bounds,
    ):
        contents[block] = unpack(*packed)
    rows = connection.execute(
        f"SELECT {_PLACE_COLUMNS} FROM spans s JOIN chunks c ON c.id = s.chunk WHERE s.id BETWEEN ? AND ?", bounds
    )
    places = map(_PlaceCells._make, rows)
    return [_shown(contents[at.block][at.offset], at) for at in places]


def _shown(record: JsonObject, at: _PlaceCells) -> JsonObject:
    """A stored record as it is read, without what joins it with later log records."""
    record.pop("joined", None)
    record.pop("known_as", None)
    if at.beside is not None:
        record["parent_id"] = at.beside
    return _with_cost(record, costs(at.input_cost, at.output_cost, at.cost))


def _with_cost(record: JsonObject, cost: dict[str, float] | None) -> JsonObject:
    if cost is not None:
        record["cost"] = cost
    return record


def _narrow_spans(connection: sqlite3.Connection, bounds: tuple[int, int], trace_id: str) -> list[JsonObject]:
    rows = connection.execute(f"SELECT {FACTS_COLUMNS} FROM spans WHERE id BETWEEN ? AND ?", bounds)
    return [narrow_record(facts_of(FactsCells._make(row)), trace_id) for row in rows]


def narrow_record(facts: SpanFacts, trace_id: str) -> JsonObject:
    """The fields of a span that a tree shows."""
    record: JsonObject = {
        "kind": "span", "trace_id": trace_id, "span_id": facts.span_id,
        "parent_id": facts.beside or facts.parent_id, "remote_parent": facts.remote,
        "name": facts.name, "type": facts.type, "status": facts.status, "message": facts.message, "start": facts.start,
        "end": facts.start + facts.duration, "model": facts.model, "provider": facts.provider, "usage": facts.usage,
        "first_chunk": facts.first_chunk,
    }  # fmt: skip
    return _with_cost(without_absent(record), costs(*facts.cost) if facts.cost else None)


def without_absent(record: JsonObject) -> JsonObject:
    """The fields that say something."""
    return {key: value for key, value in record.items() if value is not None and value is not False}


def _running_spans(
    connection: sqlite3.Connection, num: int, trace_id: str, *, payload: bool, span_id: str | None = None
) -> list[JsonObject]:
    rows = connection.execute(
        f"SELECT {_RUNNING_COLUMNS if payload else _RUNNING_COLUMNS_ALONE} FROM running"
        " WHERE trace = ? AND span_id = ifnull(?, span_id)",
        (num, span_id),
    ).fetchall()
    return [_running_record(cells, trace_id) for cells in map(_RunningCells._make, rows)]


def _running_record(cells: _RunningCells, trace_id: str) -> JsonObject:
    values: JsonObject = orjson.loads(cells.record) if cells.record else {}
    row = {
        "kind": "start", "trace_id": trace_id, "span_id": cells.span_id, "parent_id": cells.parent_id,
        "remote_parent": bool(cells.remote), "name": cells.name, "type": cells.type, "start": cells.start,
        "gone": bool(cells.gone),
    }  # fmt: skip
    return without_absent({**values, **row})


def read_payload(connection: sqlite3.Connection, trace_id: str, span_id: str) -> JsonObject | None:
    """The whole record of one span, ended or running."""
    num = trace_num(connection, trace_id)
    if num is None:
        return None
    low = num << POSITION_BITS
    row = connection.execute(
        f"SELECT {PACKED}, {_PLACE_COLUMNS} FROM spans s JOIN chunks c ON c.id = s.chunk"
        " WHERE s.id BETWEEN ? AND ? AND s.span_id = ?",
        (low, low | POSITION_MASK, span_id),
    ).fetchone()
    if row is None:
        running = _running_spans(connection, num, trace_id, payload=True, span_id=span_id)
        return running[0] if running else None
    codec, content, base, *cells = row
    at = _PlaceCells._make(cells)
    return _shown(unpack(codec, content, base)[at.offset], at)


def read_changes(connection: sqlite3.Connection, since: int, limit: int) -> Changes:
    """The traces that changed after a change number; all those of one append together."""
    newest = int(connection.execute("SELECT value FROM counters WHERE name = 'seq'").fetchone()[0])
    rows = connection.execute(
        "SELECT seq, trace_id FROM traces WHERE seq > ? AND seq <= ? AND start IS NOT NULL ORDER BY seq, num LIMIT ?",
        (since, newest, limit),
    ).fetchall()
    if len(rows) < limit:
        return Changes(newest, [row[1] for row in rows])
    last = rows[-1][0]
    same = connection.execute(
        "SELECT trace_id FROM traces WHERE seq = ? AND start IS NOT NULL ORDER BY num", (last,)
    ).fetchall()
    earlier = [row[1] for row in rows if row[0] < last]
    return Changes(last, [*earlier, *(row[0] for row in same)], has_more=last < newest)


class LastChange(threading.local):
    """Reads the number of the last change, and only when another connection or this one has written since."""

    def __init__(self) -> None:
        self._seen: tuple[sqlite3.Connection, int, int] | None = None
        self._number = 0

    def read(self, connection: sqlite3.Connection) -> int:
        """The number that the newest change of the store got."""
        # data_version counts other connections' commits, total_changes this one's
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        seen = (connection, version, connection.total_changes)
        if self._seen != seen:
            self._number = int(connection.execute("SELECT value FROM counters WHERE name = 'seq'").fetchone()[0])
            self._seen = seen
        return self._number

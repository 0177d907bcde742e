"""Reads traces, spans, payloads and changes."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from tracer.store.rows import AssessmentRow, Changes, StoredTrace, TraceRow
from tracer.store.sqlite.chunks import PACKED, unpack
from tracer.store.sqlite.known import FACTS_COLUMNS, facts_of, in_parts
from tracer.store.sqlite.migrations import (
    LABEL_METADATA,
    LABEL_MODEL,
    LABEL_PROVIDER,
    LABEL_TAG,
    POSITION_BITS,
    POSITION_MASK,
)
from tracer.store.sqlite.sql import marks

TRACE_COLUMNS = (
    "t.num, t.trace_id, t.seq, t.experiment, (SELECT name FROM experiments WHERE id = t.experiment), t.state, t.name,"
    " t.root_span, t.start, t.duration, t.spans, t.errors, t.usage, t.input_cost, t.output_cost, t.cost,"
    " t.request_preview, t.response_preview, t.session, t.user, t.model_id, t.run_id, t.client_request_id"
)
_PART = 500


def read_trace(connection: sqlite3.Connection, trace_id: str, *, payload: bool, after: int = 0) -> StoredTrace | None:
    """A trace with its spans, as of one moment; of those that ended only the ones after a position."""
    connection.execute("BEGIN")
    try:
        rows = connection.execute(
            f"SELECT {TRACE_COLUMNS}, t.next_position FROM traces t WHERE t.trace_id = ? AND t.start IS NOT NULL",
            (trace_id,),
        ).fetchall()
        if not rows:
            return None
        spans = read_spans(connection, rows[0][0], trace_id, payload=payload, after=after)
        resource = _resource(connection, rows[0][0])
        return StoredTrace(trace_rows(connection, rows)[0], spans, resource, position=rows[0][-1])
    finally:
        connection.execute("COMMIT")


def _resource(connection: sqlite3.Connection, num: int) -> dict[str, Any]:
    row = connection.execute(
        "SELECT p.resource FROM traces t JOIN processes p ON p.owner = t.owner WHERE t.num = ?", (num,)
    ).fetchone()
    resource: dict[str, Any] = orjson.loads(row[0]) if row else {}
    return resource


def trace_num(connection: sqlite3.Connection, trace_id: str) -> int | None:
    """The number of a trace."""
    row = connection.execute("SELECT num FROM traces WHERE trace_id = ?", (trace_id,)).fetchone()
    return int(row[0]) if row else None


def trace_rows(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> list[TraceRow]:
    """Rows of TRACE_COLUMNS with their tags, metadata, models and assessments."""
    nums = [row[0] for row in rows]
    ids = {row[0]: row[1] for row in rows}
    labels = _labels(connection, nums)
    assessments = _assessments(connection, nums, ids)
    return [_trace_row(row, labels[row[0]], assessments[row[0]]) for row in rows]


def _trace_row(row: tuple[Any, ...], labels: dict[int, dict[str, str]], assessments: list[AssessmentRow]) -> TraceRow:
    return TraceRow(
        trace_id=row[1],
        seq=row[2],
        experiment_id=str(row[3]),
        experiment=row[4],
        state=row[5],
        name=row[6],
        root_span_id=row[7],
        start=row[8],
        duration=row[9],
        span_count=row[10],
        error_count=row[11],
        usage=orjson.loads(row[12]) if row[12] else None,
        cost=_cost(row[13:16]),
        request_preview=row[16],
        response_preview=row[17],
        session_id=row[18],
        user=row[19],
        model_id=row[20],
        run_id=row[21],
        client_request_id=row[22],
        models=sorted(labels[LABEL_MODEL]),
        providers=sorted(labels[LABEL_PROVIDER]),
        tags=labels[LABEL_TAG],
        metadata=labels[LABEL_METADATA],
        assessments=assessments,
    )


def _cost(cells: Sequence[float | None]) -> dict[str, float] | None:
    if cells[2] is None:
        return None
    names = ("input_cost", "output_cost", "total_cost")
    return {name: value for name, value in zip(names, cells) if value is not None}


def _labels(connection: sqlite3.Connection, nums: Sequence[int]) -> dict[int, dict[int, dict[str, str]]]:
    labels: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for part in _parts(nums):
        rows = connection.execute(
            f"SELECT trace, kind, key, value FROM labels WHERE trace IN ({','.join('?' * len(part))})", part
        )
        for num, kind, key, value in rows:
            labels[num][kind][key] = value
    return labels


def _assessments(
    connection: sqlite3.Connection, nums: Sequence[int], ids: dict[int, str]
) -> dict[int, list[AssessmentRow]]:
    found: dict[int, list[AssessmentRow]] = defaultdict(list)
    for part in _parts(nums):
        rows = connection.execute(
            "SELECT trace, id, span_id, name, type, value, rationale, source, metadata, error, time FROM assessments"
            f" WHERE trace IN ({','.join('?' * len(part))}) AND NOT deleted ORDER BY time, id",
            part,
        )
        for row in rows:
            found[row[0]].append(
                AssessmentRow(
                    id=row[1],
                    trace_id=ids[row[0]],
                    span_id=row[2],
                    name=row[3],
                    type=row[4],
                    value=orjson.loads(row[5]),
                    rationale=row[6],
                    source=orjson.loads(row[7]),
                    metadata=orjson.loads(row[8]),
                    error=row[9],
                    time=row[10],
                )
            )
    return found


def _parts(nums: Sequence[int]) -> list[Sequence[int]]:
    return [nums[index : index + _PART] for index in range(0, len(nums), _PART)]


def read_spans(
    connection: sqlite3.Connection, num: int, trace_id: str, *, payload: bool, after: int = 0
) -> list[dict[str, Any]]:
    """The records of a trace's spans, ended and running, sorted by start."""
    low = num << POSITION_BITS
    bounds = (low | min(after, POSITION_MASK), low | POSITION_MASK)
    records = _whole_spans(connection, bounds) if payload else _narrow_spans(connection, bounds, trace_id)
    records.extend(_running_spans(connection, num, trace_id))
    records.sort(key=lambda record: (record.get("start") or 0, record["span_id"]))
    return records


def read_spans_of(
    connection: sqlite3.Connection, trace_ids: Sequence[str], *, payload: bool
) -> dict[str, list[dict[str, Any]]]:
    """The records of the spans of several traces, as of one moment."""
    found: dict[str, list[dict[str, Any]]] = {trace_id: [] for trace_id in trace_ids}
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


def _whole_spans(connection: sqlite3.Connection, bounds: tuple[int, int]) -> list[dict[str, Any]]:
    contents: dict[int, list[dict[str, Any]]] = {}
    for chunk, *packed in connection.execute(
        f"SELECT c.id, {PACKED} FROM chunks c"
        " WHERE c.id IN (SELECT DISTINCT chunk FROM spans WHERE id BETWEEN ? AND ?)",
        bounds,
    ):
        contents[chunk] = unpack(*packed)
    rows = connection.execute(
        f"SELECT s.chunk, (s.id & {POSITION_MASK}) - c.first, s.input_cost, s.output_cost, s.cost"
        " FROM spans s JOIN chunks c ON c.id = s.chunk WHERE s.id BETWEEN ? AND ?",
        bounds,
    )
    return [with_cost(contents[row[0]][row[1]], row[2:]) for row in rows]


def with_cost(record: dict[str, Any], cells: Sequence[float | None]) -> dict[str, Any]:
    """The record with what the span cost, where that is known."""
    cost = _cost(cells)
    if cost is not None:
        record["cost"] = cost
    return record


def _narrow_spans(connection: sqlite3.Connection, bounds: tuple[int, int], trace_id: str) -> list[dict[str, Any]]:
    rows = connection.execute(f"SELECT {FACTS_COLUMNS} FROM spans WHERE id BETWEEN ? AND ?", bounds)
    return [_narrow_record(row, trace_id) for row in rows]


def _narrow_record(row: tuple[Any, ...], trace_id: str) -> dict[str, Any]:
    facts = facts_of(row)
    record: dict[str, Any] = {
        "kind": "span", "trace_id": trace_id, "span_id": facts.span_id, "parent_id": facts.parent_id,
        "remote_parent": facts.remote, "name": facts.name, "type": facts.type, "status": facts.status,
        "message": facts.message, "start": facts.start,
        "end": facts.start + facts.duration, "model": facts.model, "provider": facts.provider, "usage": facts.usage,
        "first_chunk": facts.first_chunk,
    }  # fmt: skip
    return with_cost(_said(record), row[16:19])


def _said(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None and value is not False}


def _running_spans(connection: sqlite3.Connection, num: int, trace_id: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT span_id, parent_id, remote, name, type, start, gone FROM running WHERE trace = ?", (num,)
    ).fetchall()
    records: list[dict[str, Any]] = []
    for span_id, parent_id, remote, name, kind, start, gone in rows:
        record = {
            "kind": "start", "trace_id": trace_id, "span_id": span_id, "parent_id": parent_id,
            "remote_parent": bool(remote), "name": name, "type": kind, "start": start, "gone": bool(gone),
        }  # fmt: skip
        records.append(_said(record))
    return records


def read_payload(connection: sqlite3.Connection, trace_id: str, span_id: str) -> dict[str, Any] | None:
    """The whole record of one ended span."""
    num = trace_num(connection, trace_id)
    if num is None:
        return None
    low = num << POSITION_BITS
    row = connection.execute(
        f"SELECT {PACKED}, (s.id & {POSITION_MASK}) - c.first, s.input_cost, s.output_cost, s.cost"
        " FROM spans s JOIN chunks c ON c.id = s.chunk WHERE s.id BETWEEN ? AND ? AND s.span_id = ?",
        (low, low | POSITION_MASK, span_id),
    ).fetchone()
    return with_cost(unpack(*row[:3])[row[3]], row[4:]) if row else None


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


def read_attachment(connection: sqlite3.Connection, digest: str) -> tuple[str, bytes] | None:
    """Media type and content of an attachment."""
    row = connection.execute("SELECT mime, content FROM attachments WHERE digest = ?", (digest,)).fetchone()
    return (row[0], row[1]) if row else None


class LastChange(threading.local):
    """Reads the number of the last change, and only when another connection or this one has written since."""

    def __init__(self) -> None:
        self._seen: tuple[sqlite3.Connection, int, int] | None = None
        self._number = 0

    def read(self, connection: sqlite3.Connection) -> int:
        """The number that the newest change of the store got."""
        # data_version tells of other connections' commits, total_changes of this one's
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        seen = (connection, version, connection.total_changes)
        if self._seen != seen:
            self._number = int(connection.execute("SELECT value FROM counters WHERE name = 'seq'").fetchone()[0])
            self._seen = seen
        return self._number

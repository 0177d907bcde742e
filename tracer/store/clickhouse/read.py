"""Reads traces, spans, payloads and changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import spans_of, traces_of
from tracer.store.clickhouse.spans import SHOWN, SPAN_COLUMNS, SpanCells, facts_of, is_ended
from tracer.store.rows import AssessmentRow, Changes, StoredTrace, TraceRow
from tracer.store.sql import columns
from tracer.store.sqlite.read import costs, narrow_record, without_absent


class TraceCells(NamedTuple):
    """The cells of a trace's row that listings show."""

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
    usage: str
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
    models: list[str]
    providers: list[str]
    failed_steps: list[str]
    tags: dict[str, str]
    metadata: dict[str, str]
    assessments: str


TRACE_COLUMNS = columns(TraceCells)
_WIDTH = len(TraceCells._fields)
_AT_ONCE = 500


class _Placed(NamedTuple):
    """A trace with the positions of its spans."""

    row: TraceRow
    life: int
    owner: str | None
    places: dict[str, int]  # of spans that ended
    running: dict[str, bool]  # and whether their process is gone
    beside: dict[str, str]


_PLACED_COLUMNS = (
    f"{TRACE_COLUMNS}, life, owner, arrayFilter((x, y) -> y = 1, s.id, s.ended),"
    " arrayFilter((x, y) -> y = 0, s.id, s.ended), arrayFilter((x, y) -> y = 0, s.status, s.ended),"
    " arrayFilter((x, y) -> y IS NOT NULL, s.id, s.beside), arrayFilter(y -> y IS NOT NULL, s.beside)"
)


def trace_row(cells: TraceCells) -> TraceRow:
    """A trace as listings show it."""
    return TraceRow(
        trace_id=cells.trace_id,
        seq=cells.seq,
        experiment_id=str(cells.experiment),
        experiment=cells.experiment_name,
        state=cells.state,
        name=cells.name,
        root_span_id=cells.root_span,
        start=cells.start,
        duration=cells.duration,
        span_count=cells.spans,
        error_count=cells.errors,
        usage=orjson.loads(cells.usage) if cells.usage else None,
        cost=costs(cells.input_cost, cells.output_cost, cells.cost),
        request_preview=cells.request_preview,
        response_preview=cells.response_preview,
        session_id=cells.session,
        user=cells.user,
        model_id=cells.model_id,
        run_id=cells.run_id,
        client_request_id=cells.client_request_id,
        models=cells.models,
        providers=cells.providers,
        failed_steps=cells.failed_steps,
        tags=dict(sorted(cells.tags.items())),  # as SQLite has them: a copy of a copy is the same
        metadata=dict(sorted(cells.metadata.items())),
        assessments=[
            AssessmentRow(trace_id=cells.trace_id, **each)
            for each in (orjson.loads(cells.assessments) if cells.assessments else ())
        ],
    )


def read_trace(connection: Connection, trace_id: str, *, payload: bool, after: int = 0) -> StoredTrace | None:
    """A trace with its spans; of those that ended only the ones after a position."""
    placed = _placed(connection, [trace_id]).get(trace_id)
    if placed is None:
        return None
    spans = _spans(connection, {trace_id: placed}, payload=payload, after=after)[trace_id]
    resources = _resources(connection, [placed.owner])
    return StoredTrace(placed.row, spans, resources.get(placed.owner or "", {}), position=len(placed.places))


def read_traces(connection: Connection, trace_ids: Sequence[str]) -> list[StoredTrace]:
    """The traces of these ids that are there, with their spans."""
    placed = _placed(connection, trace_ids)
    if not placed:
        return []
    spans = _spans(connection, placed, payload=True)
    resources = _resources(connection, [each.owner for each in placed.values()])
    return [
        StoredTrace(each.row, spans[trace_id], resources.get(each.owner or "", {}), position=len(each.places))
        for trace_id in trace_ids
        if (each := placed.get(trace_id))
    ]


def read_spans_of(connection: Connection, trace_ids: Sequence[str], *, payload: bool) -> dict[str, list[JsonObject]]:
    """The records of the spans of several traces."""
    found: dict[str, list[JsonObject]] = {trace_id: [] for trace_id in trace_ids}
    ids = list(found)
    for start in range(0, len(ids), _AT_ONCE):
        placed = _placed(connection, ids[start : start + _AT_ONCE])
        if placed:
            found.update(_spans(connection, placed, payload=payload))
    return found


def _placed(connection: Connection, trace_ids: Sequence[str]) -> dict[str, _Placed]:
    rows = rows_of(connection, _PLACED_COLUMNS, trace_ids)
    found: dict[str, _Placed] = {}
    for row in rows:
        cells, (life, owner, ended, running, statuses, moved, beside) = TraceCells._make(row[:_WIDTH]), row[_WIDTH:]
        found[cells.trace_id] = _Placed(
            row=trace_row(cells),
            life=life,
            owner=owner,
            places={span_id: place for place, span_id in enumerate(ended)},
            running={span_id: status == "INTERRUPTED" for span_id, status in zip(running, statuses)},
            beside=dict(zip(moved, beside)),
        )
    return found


def rows_of(connection: Connection, chosen: str, trace_ids: Sequence[str]) -> list[list[Any]]:
    """Columns of the listed traces of these ids."""
    if not trace_ids:
        return []
    of_these = traces_of(trace_ids)
    rows = connection.rows(
        f"SELECT deleted, start IS NULL, {chosen} FROM traces WHERE {of_these.text}"
        " ORDER BY version DESC, deleted LIMIT 1 BY trace_id",
        of_these.parameters,
    )
    return [row for deleted, is_empty, *row in rows if not deleted and not is_empty]


def _resources(connection: Connection, owners: Iterable[str | None]) -> dict[str, JsonObject]:
    """The resources of processes, by the processes' names."""
    known = sorted({owner for owner in owners if owner})
    rows = connection.rows("SELECT owner, resource FROM processes FINAL WHERE owner IN ?", [known]) if known else []
    return {owner: orjson.loads(resource) for owner, resource in rows}


def _spans(
    connection: Connection, placed: dict[str, _Placed], *, payload: bool, after: int = 0, span_id: str | None = None
) -> dict[str, list[JsonObject]]:
    """The records of traces' spans, ended and running, sorted by start; as listed in the traces' rows."""
    found: dict[str, list[JsonObject]] = {trace_id: [] for trace_id in placed}
    only, values = ("", []) if span_id is None else (" AND span_id = ?", [span_id])
    of_these = spans_of(list(placed))
    for life, record, *cells in connection.rows(
        f"SELECT life, {'record' if payload else 'NULL'}, {SPAN_COLUMNS} FROM spans FINAL"
        f" WHERE {of_these.text}{only} AND {SHOWN}",
        [*of_these.parameters, *values],
    ):
        span = SpanCells._make(cells)
        of = placed[span.trace_id]
        if life != of.life:
            continue
        if span.span_id in of.places and is_ended(span):
            if of.places[span.span_id] >= after:
                found[span.trace_id].append(_ended(span, record, of.beside.get(span.span_id)))
        elif span.span_id in of.running:
            found[span.trace_id].append(_running(span, record, is_gone=of.running[span.span_id]))
    for records in found.values():
        records.sort(key=lambda each: (each.get("start") or 0, each["span_id"]))
    return found


def _ended(cells: SpanCells, record: str | None, beside: str | None) -> JsonObject:
    if record is None:
        facts = facts_of(cells)
        facts.beside = beside
        return narrow_record(facts, cells.trace_id)
    shown: JsonObject = orjson.loads(record)
    shown.pop("joined", None)
    shown.pop("known_as", None)
    if beside is not None:
        shown["parent_id"] = beside
    cost = costs(cells.input_cost, cells.output_cost, cells.cost)
    return shown if cost is None else {**shown, "cost": cost}


def _running(cells: SpanCells, record: str | None, *, is_gone: bool) -> JsonObject:
    values: JsonObject = orjson.loads(record) if record else {}
    row = {
        "kind": "start", "trace_id": cells.trace_id, "span_id": cells.span_id, "parent_id": cells.parent_id,
        "remote_parent": bool(cells.remote), "name": cells.name, "type": cells.type, "start": cells.start,
        "gone": is_gone,
    }  # fmt: skip
    return without_absent({**values, **row})


def read_payload(connection: Connection, trace_id: str, span_id: str) -> JsonObject | None:
    """The whole record of one span, ended or running."""
    placed = _placed(connection, [trace_id])
    spans = _spans(connection, placed, payload=True, span_id=span_id)[trace_id] if placed else []
    return spans[0] if spans else None


def change_number(connection: Connection) -> int:
    """The number of the last change."""
    return int(connection.rows("SELECT max(seq) FROM changes")[0][0])


def read_changes(connection: Connection, since: int, limit: int) -> Changes:
    """The traces that changed after a change number; all those of one append together."""
    newest = change_number(connection)
    rows: list[list[Any]] = connection.rows(
        "SELECT seq, place, trace_id FROM changes WHERE seq > ? AND seq <= ? ORDER BY seq, place LIMIT ?",
        [since, newest, limit],
    )
    if len(rows) >= limit and rows:
        last = rows[-1][0]
        same = connection.rows("SELECT seq, place, trace_id FROM changes WHERE seq = ? ORDER BY place", [last])
        rows = [row for row in rows if row[0] < last] + same
    else:
        last = newest
    ids = list(dict.fromkeys(trace_id for _, _, trace_id in reversed(rows)))[::-1]  # the last change of each counts
    there = _listed(connection, ids)
    return Changes(last, [trace_id for trace_id in ids if trace_id in there], has_more=last < newest)


def _listed(connection: Connection, trace_ids: Sequence[str]) -> set[str]:
    return {row[0] for row in rows_of(connection, "trace_id", trace_ids)}

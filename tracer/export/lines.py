"""A whole trace as a line of OTLP JSON, which any collector and ``tracer import`` read; what belongs to no trace."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from tracer._json import JsonMapping, JsonObject
from tracer.otlp.json import line_from_records
from tracer.store import (
    AssessmentRow,
    ModelRow,
    RegisteredRow,
    Store,
    StoredDataset,
    StoredRow,
    StoredTrace,
    TraceRow,
)
from tracer.store.datasets import ROW_FIELDS

_ROWS_AT_ONCE = 200
_RECORDS_A_LINE = 100
_UPDATED = ("session_id", "user", "model_id", "run_id", "request_preview", "response_preview", "client_request_id")


def otlp_line(store: Store, stored: StoredTrace) -> bytes:
    """A trace as one ExportTraceServiceRequest, newline included, with its tags, feedback and attachments."""
    spans = [_without_cost(span) for span in stored.spans if span.get("kind") != "start"]
    running = [span for span in stored.spans if span.get("kind") == "start"]
    line = line_from_records(spans, others=[*running, *_records_about(stored)], resource=stored.resource)
    if b"tracer-attachment:" not in line:
        return line
    attached = _attachments(store, line)
    about = [*running, *_records_about(stored), *attached]
    return line_from_records(spans, others=about, resource=stored.resource)


def dataset_lines(store: Store, dataset: StoredDataset) -> Iterator[bytes]:
    """A dataset as lines without spans, which collectors pass over: each has some of its rows, with attachments."""
    about = {"kind": "dataset", "name": dataset.name, "time": dataset.created, "tags": dataset.tags,
             "experiments": dataset.experiments}  # fmt: skip
    token = None
    while True:
        page = store.rows(dataset.dataset_id, limit=_ROWS_AT_ONCE, page_token=token)
        record = {**about, "rows": [_row(row) for row in page.rows]}
        line = line_from_records([], others=[record])
        attached = _attachments(store, line)
        yield line_from_records([], others=[*attached, record]) if attached else line
        token = page.next_page_token
        if token is None:
            return


def _row(row: StoredRow) -> JsonObject:
    # as old as its last change, so that importing it where it has changed since changes nothing
    fields = {name: getattr(row, name) for name in ROW_FIELDS}
    return {**{name: value for name, value in fields.items() if value not in (None, {})}, "time": row.updated}


def _without_cost(span: JsonMapping) -> JsonObject:
    # computed from the price table when read, not recorded
    return {key: value for key, value in span.items() if key != "cost"}


def _records_about(stored: StoredTrace) -> list[JsonObject]:
    row = stored.row
    # as old as the trace, so that importing it where the trace has changed since changes nothing
    update: JsonObject = {"kind": "trace", "trace_id": row.trace_id, "time": row.start, "experiment": row.experiment}
    update.update((name, getattr(row, name)) for name in _UPDATED if getattr(row, name) is not None)
    update.update((name, dict(getattr(row, name))) for name in ("tags", "metadata") if getattr(row, name))
    if row.state in ("OK", "ERROR") and row.state != _state_of_root(stored, row):
        update["state"] = row.state
    return [update, *(_assessment(given) for given in row.assessments)]


def _state_of_root(stored: StoredTrace, row: TraceRow) -> str:
    root = next((span for span in stored.spans if span["span_id"] == row.root_span_id), {})
    return "ERROR" if root.get("status") == "ERROR" else "OK"


def _assessment(given: AssessmentRow) -> JsonObject:
    kept = {name: value for name, value in given._asdict().items() if value not in (None, {}) or name == "value"}
    return {"kind": "assessment", **kept}


def _attachments(store: Store, line: bytes) -> list[JsonObject]:
    found = []
    for digest in sorted(set(re.findall(rb"tracer-attachment:([0-9a-f]{64})", line))):
        attachment = store.attachment(digest.decode())
        if attachment is not None:
            mime, content = attachment
            encoded = base64.b64encode(content).decode()
            found.append({"kind": "attachment", "id": digest.decode(), "mime": mime, "content": encoded})
    return found


def otlp_lines_without_traces(store: Store) -> Iterator[bytes]:
    """Versions of apps, prompts and registered models, as lines without spans that ``tracer import`` takes in."""
    records = [_model(row) for row in store.models() if not row.deleted]
    for kind in ("prompt", "model"):
        for newest in store.registered(kind):
            versions = store.registered(kind, name=newest.name)
            records += [_registered(row) for row in reversed(versions)]
            records += [
                _alias(row, alias) for row in versions for alias, number in row.aliases.items() if number == row.number
            ]
    for start in range(0, len(records), _RECORDS_A_LINE):
        yield line_from_records([], others=records[start : start + _RECORDS_A_LINE])


def _model(row: ModelRow) -> JsonObject:
    left_out = ("updated", "experiment_id", "deleted")
    kept = {name: value for name, value in row._asdict().items() if value not in (None, {}) and name not in left_out}
    return {"kind": "model", **kept, "time": row.updated}


def _registered(row: RegisteredRow) -> JsonObject:
    about = {"kind": "registered", "of": row.kind, "name": row.name, "id": row.id, "time": row.created}
    return {**about, "number": row.number, "tags": row.tags, "content": row.content}


def _alias(row: RegisteredRow, alias: str) -> JsonObject:
    # as old as its version, so that importing it where the alias has moved since changes nothing
    about = {"kind": "alias", "of": row.kind, "name": row.name, "alias": alias}
    return {**about, "id": row.id, "time": row.created}

"""A store's content as the records that make it anew in another store."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

from tracer._json import JsonMapping, JsonObject
from tracer.store import (
    AssessmentRow,
    ModelRow,
    RegisteredRow,
    RunRow,
    Store,
    StoredQueue,
    StoredRow,
    StoredTrace,
    TraceRow,
)
from tracer.store.datasets import ROW_FIELDS
from tracer.store.reviews import CONTENT

_SPANS_AT_ONCE = 1000
_UPDATED = ("session_id", "user", "model_id", "run_id", "request_preview", "response_preview", "client_request_id")


def whole_traces(store: Store, rows: Iterable[TraceRow]) -> Iterator[StoredTrace]:
    """These traces with their spans, as far as they are there still; as many are asked for at once as are no burden."""
    part: list[str] = []
    spans = 0
    for row in rows:
        if part and spans + row.span_count > _SPANS_AT_ONCE:
            yield from store.traces(part)
            part, spans = [], 0
        part.append(row.trace_id)
        spans += row.span_count
    if part:
        yield from store.traces(part)


def span_records(stored: StoredTrace) -> list[JsonObject]:
    """The spans of a trace, running ones too."""
    # computed from the price table when read, not recorded
    return [{key: value for key, value in span.items() if key != "cost"} for span in stored.spans]


def records_about(stored: StoredTrace) -> list[JsonObject]:
    """Tags and other fields of a trace, and its feedback."""
    row = stored.row
    # as old as the trace, so that importing it where the trace has changed since changes nothing
    update: JsonObject = {"kind": "trace", "trace_id": row.trace_id, "time": row.start, "experiment": row.experiment}
    update.update((name, getattr(row, name)) for name in _UPDATED if getattr(row, name) is not None)
    update.update((name, dict(getattr(row, name))) for name in ("tags", "metadata") if getattr(row, name))
    if row.state in ("OK", "ERROR") and row.state != _state_of_root(stored, row):
        update["state"] = row.state
    return [update, *(_assessment(given) for given in row.assessments)]


def _state_of_root(stored: StoredTrace, row: TraceRow) -> str:
    root: JsonMapping = next((span for span in stored.spans if span["span_id"] == row.root_span_id), {})
    return "ERROR" if root.get("status") == "ERROR" else "OK"


def _assessment(given: AssessmentRow) -> JsonObject:
    kept = {name: value for name, value in given._asdict().items() if value not in (None, {}) or name == "value"}
    return {"kind": "assessment", **kept}


def digests_in(line: bytes) -> list[str]:
    """The digests of the attachments that a record names."""
    if b"tracer-attachment:" not in line:
        return []
    return sorted({digest.decode() for digest in re.findall(rb"tracer-attachment:([0-9a-f]{64})", line)})


def attachment_record(store: Store, digest: str) -> JsonObject | None:
    """An attachment; None where the store does not have it."""
    attachment = store.attachment(digest)
    if attachment is None:
        return None
    mime, content = attachment
    return {"kind": "attachment", "id": digest, "mime": mime, "content": base64.b64encode(content).decode()}


def row_record(row: StoredRow) -> JsonObject:
    """A row of a dataset."""
    # as old as its last change, so that importing it where it has changed since changes nothing
    fields = {name: getattr(row, name) for name in ROW_FIELDS}
    return {**{name: value for name, value in fields.items() if value not in (None, {})}, "time": row.updated}


def model_record(row: ModelRow) -> JsonObject:
    """A version of an app."""
    left_out = ("updated", "experiment_id", "deleted")
    kept = {name: value for name, value in row._asdict().items() if value not in (None, {}) and name not in left_out}
    return {"kind": "model", **kept, "time": row.updated}


def run_record(row: RunRow) -> JsonObject:
    """A run."""
    kept = {name: value for name, value in row._asdict().items() if value not in (None, {}) and name != "experiment_id"}
    return {"kind": "run", **kept, "time": row.ended or row.started}


def queue_record(row: StoredQueue) -> JsonObject:
    """A review queue; people's answers are feedback of the traces."""
    return {"kind": "review_queue", **{name: getattr(row, name) for name in ("name", *CONTENT)}}


def registered_records(store: Store) -> Iterator[JsonObject]:
    """Prompts and registered models: each name's versions, oldest first, then its aliases."""
    for kind in ("prompt", "model"):
        for newest in store.registered(kind):
            versions = store.registered(kind, name=newest.name)
            yield from (_registered(row) for row in reversed(versions))
            for row in versions:
                yield from (_alias(row, alias) for alias, number in row.aliases.items() if number == row.number)


def _registered(row: RegisteredRow) -> JsonObject:
    about = {"kind": "registered", "of": row.kind, "name": row.name, "id": row.id, "time": row.created}
    return {**about, "number": row.number, "tags": row.tags, "content": row.content}


def _alias(row: RegisteredRow, alias: str) -> JsonObject:
    # as old as its version, so that importing it where the alias has moved since changes nothing
    about = {"kind": "alias", "of": row.kind, "name": row.name, "alias": alias}
    return {**about, "id": row.id, "time": row.created}

"""A whole trace as a line of OTLP JSON, which any collector and ``tracer import`` read; what belongs to no trace."""

from __future__ import annotations

from collections.abc import Iterator

from tracer._json import JsonObject
from tracer.export.records import (
    attachment_record,
    digests_in,
    model_record,
    queue_record,
    records_about,
    registered_records,
    row_record,
    span_records,
)
from tracer.otlp.json import line_from_records
from tracer.store import Store, StoredDataset, StoredTrace

_ROWS_AT_ONCE = 200
_RECORDS_A_LINE = 100


def otlp_line(store: Store, stored: StoredTrace) -> bytes:
    """A trace as one ExportTraceServiceRequest, newline included, with its tags, feedback and attachments."""
    every = span_records(stored)
    spans = [span for span in every if span.get("kind") != "start"]
    others = [*(span for span in every if span.get("kind") == "start"), *records_about(stored)]
    line = line_from_records(spans, others=others, resource=stored.resource)
    attached = _attachments(store, line)
    return line_from_records(spans, others=[*others, *attached], resource=stored.resource) if attached else line


def _attachments(store: Store, line: bytes) -> list[JsonObject]:
    found = (attachment_record(store, digest) for digest in digests_in(line))
    return [record for record in found if record is not None]


def dataset_lines(store: Store, dataset: StoredDataset) -> Iterator[bytes]:
    """A dataset as lines without spans, which collectors pass over: each has some of its rows, with attachments."""
    about = {"kind": "dataset", "name": dataset.name, "time": dataset.created, "tags": dataset.tags,
             "experiments": dataset.experiments}  # fmt: skip
    token = None
    while True:
        page = store.rows(dataset.dataset_id, limit=_ROWS_AT_ONCE, page_token=token)
        record = {**about, "rows": [row_record(row) for row in page.rows]}
        line = line_from_records([], others=[record])
        attached = _attachments(store, line)
        yield line_from_records([], others=[*attached, record]) if attached else line
        token = page.next_page_token
        if token is None:
            return


def otlp_lines_without_traces(store: Store) -> Iterator[bytes]:
    """Versions of apps, prompts, registered models and review queues, as lines that ``tracer import`` takes in."""
    versions = [model_record(row) for row in store.models() if not row.deleted]
    # the oldest is read, and made, first
    queues = [queue_record(row) for row in reversed(store.review_queues())]
    records = [*versions, *registered_records(store), *queues]
    for start in range(0, len(records), _RECORDS_A_LINE):
        yield line_from_records([], others=records[start : start + _RECORDS_A_LINE])

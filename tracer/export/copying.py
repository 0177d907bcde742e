"""Copies traces, and everything that belongs to them, from one store to another.

A page of traces is looked at in both stores, and those that differ are sent whole: records that a store
has already change nothing there. So an interrupted copy continues where it was, and a repeated one adds new records.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.errors import StoreError
from tracer.export.records import (
    attachment_record,
    digests_in,
    model_record,
    records_about,
    registered_records,
    row_record,
    run_record,
    span_records,
    whole_traces,
)
from tracer.store import Store, StoredDataset, StoredTrace, TracePage, TraceQuery, TraceRow
from tracer.store.filter import Expression, OrderTerm
from tracer.store.filter.expression import Comparison, Field
from tracer.store.reviews import CONTENT

_OLDEST_FIRST = (OrderTerm("timestamp", False),)  # so that traces of one moment keep their order
_PAGE = 100  # their ids fit into the address of a request
_ROWS = 200
_BATCH_BYTES = 900_000  # a server writes bodies below a megabyte at once
_BATCH_RECORDS = 5000
_REMEMBERED_ATTACHMENTS = 50_000
_INDEX_WAITS, _INDEX_WAIT_SECONDS = 600, 0.5
_CONTAINERS = ("", "attributes", "json", "tags", "metadata", "params")  # of fields that are reported by their own names
_PREVIEWS = ("request_preview", "response_preview")
_SAME = (
    "start", "duration", "name", "state", "span_count", "error_count", "experiment", "session_id", "user", "model_id",
    "run_id", "client_request_id",
)  # fmt: skip


class Thing(NamedTuple):
    """What a record is of: a trace, run or version with its id; empty for all others."""

    kind: str
    id: str


_NOTHING = Thing("", "")


@dataclass
class Copied:
    """Numbers of records that were copied, and of those that were not."""

    traces: int = 0
    spans: int = 0
    there: int = 0  # traces that were there already
    deleted: int = 0  # traces that were deleted there
    redacted: dict[Thing, Counter[str]] = field(default_factory=dict)  # how many texts of which fields
    others: dict[str, int] = field(default_factory=dict)  # datasets, prompts, …


Redact = Callable[[bytes], bytes]


class Copying:
    """A copy from a store into another; ``redact`` is applied to each record."""

    def __init__(self, source: Store, target: Store, *, redact: Redact | None = None, dry_run: bool = False) -> None:
        self._source = source
        self._target = target
        self._sender = _Sender(target, redact, dry_run=dry_run)
        self._run_ids: dict[str, None] = {}
        self._model_ids: dict[str, None] = {}
        self.done = Copied(redacted=self._sender.redacted)

    def traces(self, filter: Expression | None) -> Iterator[int]:
        """Copy the traces that meet a filter, and the runs and versions that they name; yields how many, page by page.

        Raises StoreError.
        """
        token = None
        while True:
            page = self._page(filter, token)
            self._copy_page(page.traces)
            yield len(page.traces)
            token = page.next_page_token
            if token is None:
                break
        self._named()

    def _page(self, filter: Expression | None, token: str | None) -> TracePage:
        for _ in range(_INDEX_WAITS):
            page = self._source.find_traces(TraceQuery(filter, _OLDEST_FIRST, _PAGE, token))
            if page.complete:
                return page
            time.sleep(_INDEX_WAIT_SECONDS)
        raise StoreError(f"{self._source.url} has not indexed all texts yet; try again later")

    def _copy_page(self, rows: Sequence[TraceRow]) -> None:
        there = self._there([row.trace_id for row in rows])
        new = [row for row in rows if row.trace_id not in there or not _is_same(row, there[row.trace_id])]
        self.done.there += len(rows) - len(new)
        spans = self._copy_traces(new)
        asked = [trace_id for trace_id in spans if trace_id not in there]
        if asked and not self._sender.dry_run:
            # sent, and not there: the other store drops what comes of a trace that was deleted in it
            kept = self._there(asked)
            for trace_id in asked:
                if trace_id not in kept:
                    del spans[trace_id]
                    self.done.deleted += 1
            if len(kept) < len(asked):  # an image that only deleted traces of a batch name was not kept
                self._sender.forget_attachments()
                self._copy_traces([row for row in new if row.trace_id in spans])
        self.done.traces += len(spans)
        self.done.spans += sum(spans.values())
        for row in rows:
            self._run_ids.update({row.run_id: None} if row.run_id else {})
            self._model_ids.update({row.model_id: None} if row.model_id else {})

    def _copy_traces(self, rows: Sequence[TraceRow]) -> dict[str, int]:
        """Send traces; the numbers of their spans by their ids."""
        spans = {stored.row.trace_id: self._copy_trace(stored) for stored in whole_traces(self._source, rows)}
        self._sender.flush()
        return spans

    def _there(self, trace_ids: Sequence[str]) -> dict[str, TraceRow]:
        if not trace_ids:
            return {}
        these = Comparison(Field("trace_id", "text"), "IN", tuple(trace_ids))
        return {row.trace_id: row for row in self._target.find_traces(TraceQuery(these, limit=_PAGE)).traces}

    def _copy_trace(self, stored: StoredTrace) -> int:
        """Send a trace with what is about it; the number of its spans."""
        spans = span_records(stored)
        is_running = any(span.get("kind") == "start" for span in spans)
        self._sender.begin(_owner_of(stored.resource), stored.resource, is_running=is_running)
        for record in (*spans, *records_about(stored)):
            if self._sender.redacts:  # the other store makes them anew: a secret that was cut off in one is not found
                record = {key: value for key, value in record.items() if key not in _PREVIEWS}
            self._send(record)
        return len(spans)

    def _send(self, record: JsonObject) -> None:
        line, thing = orjson.dumps(record), _thing_of(record)
        for digest in digests_in(line):
            self._sender.attach(digest, self._source, thing)
        self._sender.send(line, thing)

    def _named(self) -> None:
        for run_id in self._run_ids:
            self._send_all(map(run_record, self._source.runs(run_id=run_id)))
        for model_id in self._model_ids:
            self._send_all(model_record(row) for row in self._source.models(model_id=model_id) if not row.deleted)

    def _send_all(self, records: Iterable[JsonObject]) -> int:
        number = 0
        for record in records:
            self._send(record)
            number += 1
        self._sender.flush()
        return number

    def experiments(self) -> None:
        """Copy the names of experiments, in their order, which gives them their ids."""
        self._send_all({"kind": "experiment", "name": row.name} for row in self._source.experiments())

    def others(self) -> None:
        """Copy runs, versions of apps, prompts, registered models, datasets and review queues."""
        models = self._source.models()
        records = [{**model_record(row), **({"deleted": True} if row.deleted else {})} for row in reversed(models)]
        registered = list(registered_records(self._source))
        self._send_all(map(run_record, reversed(self._source.runs())))
        self._send_all(records)
        self._send_all(registered)
        datasets, queues = self._source.datasets(), self._source.review_queues()
        for dataset in reversed(datasets):
            self._copy_dataset(dataset)
        known = {queue.queue_id: queue for queue in self._target.review_queues()}
        for queue in reversed(queues):
            wanted = {name: getattr(queue, name) for name in ("name", *CONTENT)}
            old = known.get(queue.queue_id)
            if old is None or any(getattr(old, name) != value for name, value in wanted.items()):
                self._target.write_review_queue(wanted)
        of_prompts = sum(record["kind"] == "registered" and record["of"] == "prompt" for record in registered)
        self.done.others = {"version": len(models), "prompt version": of_prompts, "dataset": len(datasets)}

    def _copy_dataset(self, dataset: StoredDataset) -> None:
        written = self._target.write_dataset(
            dataset.name, tags=dataset.tags, experiments=dataset.experiments, time=dataset.created
        )
        token = None
        while True:
            page = self._source.rows(dataset.dataset_id, limit=_ROWS, page_token=token)
            rows = [row_record(row) for row in page.rows]
            for digest in digests_in(orjson.dumps(rows)):
                self._sender.attach(digest, self._source, _NOTHING)
            self._sender.flush()
            self._target.write_rows(written.dataset_id, rows)
            token = page.next_page_token
            if token is None:
                return


class _Sender:
    """Sends records in batches, each with the processes that they are of."""

    def __init__(self, target: Store, redact: Redact | None, *, dry_run: bool) -> None:
        self._target = target
        self._redact = redact
        self.dry_run = dry_run
        self.redacts = redact is not None
        self.redacted: dict[Thing, Counter[str]] = {}
        self._lines: list[bytes] = []
        self._bytes = 0
        self._process = b""
        self._attached: dict[str, None] = {}
        self._running: dict[str, None] = {}
        self._owner = ""

    def begin(self, owner: str, resource: JsonObject, *, is_running: bool) -> None:
        """The process that the next records are of."""
        if is_running:
            self._running[owner] = None
        if owner != self._owner or not self._lines:
            self._owner = owner
            self._process = self._safe(orjson.dumps({"kind": "process", "owner": owner, "resource": resource}))
            self._add(self._process)

    def send(self, line: bytes, thing: Thing) -> None:
        """A record, and what it is of."""
        safe = self._safe(line)
        if safe != line:
            self.redacted.setdefault(thing, Counter()).update(_changed(orjson.loads(line), orjson.loads(safe)))
        self._add_within_bounds(safe)

    def _add_within_bounds(self, line: bytes) -> None:
        if not self._lines and self._process:
            self._add(self._process)
        self._add(line)
        if self._bytes >= _BATCH_BYTES or len(self._lines) >= _BATCH_RECORDS:
            self._hand_over()

    def attach(self, digest: str, source: Store, thing: Thing) -> None:
        """An attachment that a record names, unless it was sent lately; not one whose text has something to redact."""
        if digest in self._attached:
            return
        if len(self._attached) >= _REMEMBERED_ATTACHMENTS:
            self._attached.clear()
        self._attached[digest] = None
        record = attachment_record(source, digest)
        if record is None:
            return
        if self._redact and _has_secret(record, self._redact):
            self.redacted.setdefault(thing, Counter()).update(["an attachment, left out"])
        else:
            self._add_within_bounds(orjson.dumps(record))

    def forget_attachments(self) -> None:
        """Send those that were sent already once more, where a record names them."""
        self._attached.clear()

    def flush(self) -> None:
        """Send the waiting records. Spans that are running are not running there."""
        self._hand_over()
        for owner in self._running:
            if not self.dry_run:
                self._target.owner_gone(owner)
        self._running.clear()

    def _safe(self, line: bytes) -> bytes:
        return self._redact(line) if self._redact else line

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._bytes += len(line)

    def _hand_over(self) -> None:
        if self._lines and not self.dry_run:
            self._target.append(self._lines)
        self._lines, self._bytes = [], 0


def _thing_of(record: JsonObject) -> Thing:
    if "trace_id" in record:
        return Thing("trace", str(record["trace_id"]))
    kind = {"run": "run", "model": "version"}.get(record["kind"])
    return Thing(kind, str(record[f"{record['kind']}_id"])) if kind else _NOTHING


def _has_secret(attachment: JsonObject, redact: Redact) -> bool:
    """Whether an attachment is text in which something is to be redacted: its name is the digest of its content."""
    try:
        text = base64.b64decode(attachment["content"]).decode()
    except UnicodeDecodeError:
        return False
    line = orjson.dumps({"kind": "text", "text": text})
    return redact(line) != line


def _changed(before: object, after: object, name: str = "") -> Iterator[str]:
    """The fields whose values differ, each as often as it has texts that do."""
    if isinstance(before, dict) and isinstance(after, dict):
        for (key, old), (new_key, new) in zip(before.items(), after.items()):
            below = key if name in _CONTAINERS else name
            if key != new_key:
                yield f"a name in {name or key}"
            yield from _changed(old, new, below)
    elif isinstance(before, list) and isinstance(after, list):
        for old, new in zip(before, after):
            yield from _changed(old, new, name)
    elif before != after:
        yield name


def _owner_of(resource: JsonObject) -> str:
    """Name of the producer, the same in every copy."""
    described = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    return f"import-{hashlib.sha256(described).hexdigest()[:16]}"


def _is_same(row: TraceRow, there: TraceRow) -> bool:
    """Whether a trace is there with all that it has here; it may have more there."""
    if row.state == "IN_PROGRESS" or any(getattr(row, name) != getattr(there, name) for name in _SAME):
        return False
    given = {(each.id, orjson.dumps(each.value), each.rationale) for each in there.assessments}
    return (
        row.tags.items() <= there.tags.items()
        and row.metadata.items() <= there.metadata.items()
        and all((each.id, orjson.dumps(each.value), each.rationale) in given for each in row.assessments)
    )

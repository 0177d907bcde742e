"""``tracer import``."""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import orjson

from tracer.cli.options import examples, json_option, store_option
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from io import BufferedReader

    from tracer._json import JsonObject
    from tracer.otlp.json import Batch
    from tracer.store import Store

_BATCH_BYTES = 1 << 20
_REMEMBERED_SPANS = 200_000
_GZIP_START = b"\x1f"  # which JSON never starts with


@click.command(
    "import",
    epilog=examples(
        "tracer import traces.jsonl",
        "tracer import november.jsonl.gz --store november.db",
        "ssh build cat traces.jsonl | tracer import -",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...", type=click.Path(allow_dash=True, path_type=Path))
@json_option(
    "One JSON object: how many spans, traces, datasets, versions and queues were read, and spans known before."
)
@store_option
def command(files: tuple[Path, ...], as_json: bool, store_url: str | None) -> None:
    """Read OTLP JSON lines into the store: what `tracer export` or the OpenTelemetry Collector's file exporter wrote.

    Files may be gzipped, and pipes; "-" is standard input. What the store has already is not taken in twice.
    """
    from tracer._engine.runtime import runtime
    from tracer.cli.reading import store_place
    from tracer.cli.screen import tell
    from tracer.cli.wording import how_many

    place = store_place(store_url)
    check_files(files)
    importer = _Importer(runtime().store, runtime().recorder.redact)
    for file in files:
        with opened(file) as lines:
            importer.take_in(str(file), readable(str(file), lines))
    spans, traces = how_many(importer.spans, "span"), how_many(len(importer.traces), "trace")
    known = f", {importer.known_spans:,} of them there already" if importer.known_spans else ""
    datasets = f", and {how_many(len(importer.datasets), 'dataset')}" if importer.datasets else ""
    queues = f", and {how_many(len(importer.queues), 'review queue')}" if importer.queues else ""
    others = f", and {how_many(importer.versions, 'version')} of apps, prompts and models" if importer.versions else ""
    counts = {
        "spans": importer.spans,
        "known_spans": importer.known_spans,
        "traces": len(importer.traces),
        "datasets": len(importer.datasets),
        "versions": importer.versions,
        "review_queues": len(importer.queues),
    }
    tell(as_json, counts, f"read {spans} of {traces}{others} into {place}{known}{datasets}{queues}")


def check_files(files: Sequence[Path]) -> None:
    """Raise InvalidArgumentError for a path that is no file and not "-"."""
    for file in files:
        if str(file) != "-" and not file.exists():
            raise InvalidArgumentError(f"{file}: no such file.")
        if file.is_dir():
            raise InvalidArgumentError(f"{file}: a folder, expected a file.")


class _Importer:
    """Appends batches to the store, one producer at a time. The store is opened, or made, with the first batch."""

    def __init__(self, open_store: Callable[[], Store], redact: Callable[[bytes], bytes]) -> None:
        self._open_store = open_store
        self._redact = redact
        self._owner: str | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.traces: set[str] = set()
        self.spans = 0
        self.versions = 0
        self.known_spans = 0
        self.datasets: set[str] = set()
        self.queues: set[str] = set()
        self._known: dict[str, set[str]] = {}
        self._counted = 0

    def take_in(self, name: str, lines: Iterator[bytes]) -> None:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    self._take_line(f"{name}, line {number}", line)
        finally:
            self._hand_over()

    def _take_line(self, place: str, line: bytes) -> None:
        from tracer.otlp.json import batches_from_line

        try:
            for batch in batches_from_line(line):
                self._add(batch)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{place}: {error} Lines before it were taken in.") from None

    def _add(self, batch: Batch) -> None:
        owner = _owner_of(batch)
        if owner != self._owner or self._waiting_bytes > _BATCH_BYTES:
            self._hand_over()
            self._owner = owner
            self._wait({"kind": "process", "owner": owner, "resource": batch.resource})
        for record in batch.records:
            if str(record["kind"]) == "dataset":
                self._take_dataset(cast("JsonObject", record))
                continue
            if str(record["kind"]) == "review_queue":
                self._take_queue(cast("JsonObject", record))
                continue
            self._wait(record)
            if record["kind"] == "span":
                self.spans += 1
                self._count_if_known(str(record["trace_id"]), str(record["span_id"]))
            self.versions += record["kind"] in ("model", "registered")
            trace_id = record.get("trace_id")
            if trace_id is not None and str(trace_id) not in self.traces:
                self.traces.add(str(trace_id))
                self._wait({"kind": "restore", "trace_id": trace_id})

    def _take_dataset(self, record: JsonObject) -> None:
        from tracer.store.datasets import checked_dataset, checked_row

        given = self._safe(checked_dataset(record))
        rows = [self._safe(checked_row(row, f"rows[{index}]")) for index, row in enumerate(record.get("rows") or ())]
        dataset = self._open_store().write_dataset(**given)
        self._open_store().write_rows(dataset.dataset_id, rows)
        self.datasets.add(dataset.dataset_id)

    def _take_queue(self, record: JsonObject) -> None:
        from tracer.store.reviews import checked_queue, queue_id_of

        queue = checked_queue(self._safe({name: value for name, value in record.items() if name != "kind"}))
        queue_id = queue_id_of(queue["name"])
        # an existing queue is kept: it may have changed since the export
        if not self._open_store().review_queues(queue_id=queue_id):
            self._open_store().write_review_queue(queue)
        self.queues.add(queue_id)

    def _safe(self, value: JsonObject) -> JsonObject:
        return cast("JsonObject", orjson.loads(self._redact(orjson.dumps(value))))

    def _count_if_known(self, trace_id: str, span_id: str) -> None:
        known = self._known.get(trace_id)
        if known is None:
            spans = self._open_store().spans(trace_id, payload=False)
            known = self._known[trace_id] = {str(span["span_id"]) for span in spans if span.get("kind") != "start"}
            self._counted += len(known)
        self.known_spans += span_id in known
        self._counted += span_id not in known
        known.add(span_id)

    def _wait(self, record: object) -> None:
        from tracer._records.attachments import redacted_line

        line = redacted_line(orjson.dumps(record), self._redact)
        if line is not None:
            self._waiting.append(line)
            self._waiting_bytes += len(line)

    def _hand_over(self) -> None:
        if self._waiting and self._owner is not None:
            store = self._open_store()
            store.append(self._waiting, owner=self._owner)
            # spans that were running at the time of the export are not running here
            store.owner_gone(self._owner)
        self._owner, self._waiting, self._waiting_bytes = None, [], 0
        if self._counted > _REMEMBERED_SPANS:  # the store has them now and can be queried again
            self._known, self._counted = {}, 0


def _owner_of(batch: Batch) -> str:
    """Name of the producer, the same in every import."""
    described = orjson.dumps(batch.resource, option=orjson.OPT_SORT_KEYS)
    return f"import-{hashlib.sha256(described).hexdigest()[:16]}"


def readable(name: str, lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines; damaged gzip data raises InvalidArgumentError."""
    try:
        yield from lines
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidArgumentError(f"{name}: damaged gzip data ({error}). Lines before it were taken in.") from None


@contextmanager
def opened(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file, which may be gzipped, or of standard input for "-"."""
    with nullcontext(cast("BufferedReader", sys.stdin.buffer)) if str(path) == "-" else path.open("rb") as file:
        # peeked, not read: a pipe cannot be rewound
        is_gzip = file.peek(1).startswith(_GZIP_START)
        yield iter(cast("BufferedReader", gzip.GzipFile(fileobj=file)) if is_gzip else file)

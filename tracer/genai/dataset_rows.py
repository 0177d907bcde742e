"""Rows on their way into a dataset: from traces, dicts and tables, in batches, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

from tracer._api.traces import Trace
from tracer._encoding.shown import shown_text
from tracer._encoding.text import clean_text
from tracer._engine.runtime import runtime
from tracer._json import JsonObject, encode, loads
from tracer._records.attachments import put_back, take_out
from tracer._redaction.redactor import has_failed
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.store.datasets import ROW_BYTES, checked_row, row_of_stored, row_of_trace
from tracer.store.filter import parse_filter
from tracer.store.rows import StoredRow, StoredTrace, TraceQuery

if TYPE_CHECKING:
    from tracer._records.record import AttachmentRecord
    from tracer.store import Store

KEY_LIMIT = 250
_NS_PER_MS = 1_000_000
_TAG_LIMIT = 5000
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 1 << 20
_TRACES_AT_ONCE = 100
_HEX = frozenset("0123456789abcdef")
# of rows that were read from a dataset; a row's identity are its inputs
_NOT_TAKEN = ("id", "dataset_record_id", "source_type", "source_id", "created_time", "last_update_time")
_COLUMNS_OF_TRACES = frozenset(("trace", "trace_id", "state"))


class AddedRows(NamedTuple):
    """Numbers of new rows, of existing rows that have changed, and of traces without inputs."""

    added: int
    changed: int
    skipped: int


@dataclass(frozen=True)
class DatasetRow:
    """A row of a dataset; times in ms since the epoch, ``trace_id`` is the trace that it came from."""

    id: str
    inputs: Any
    outputs: Any = None
    expectations: JsonObject = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    split: str | None = None
    trace_id: str | None = None
    source: JsonObject | None = None
    created_time: int = 0
    last_update_time: int = 0

    @property
    def dataset_record_id(self) -> str:
        """The id."""
        return self.id

    def to_dict(self) -> JsonObject:
        """As plain values."""
        return asdict(self)


class Batch:
    """Rows on their way into a dataset: written when there are enough of them."""

    def __init__(self, store: Store, dataset_id: str, defaults: JsonObject) -> None:
        self._store = store
        self._dataset_id = dataset_id
        self._defaults = defaults
        self._waiting: list[JsonObject] = []
        self._waiting_bytes = 0
        self.added = self.changed = self.skipped = self.written = 0

    def add_all(self, data: object) -> None:
        """Add rows and traces of any kind."""
        for place, given in _each(data):
            self._add(self._row_of(given, place), place)
        self._write()

    def add_found(self, filter_string: str) -> None:
        """Add the traces that meet a filter, oldest first."""
        newest_first: list[str] = []
        query = TraceQuery(parse_filter(filter_string), limit=_TRACES_AT_ONCE)
        while True:  # ids alone, since traces added meanwhile must not move the pages
            page = self._store.find_traces(query)
            newest_first += [row.trace_id for row in page.traces]
            if page.next_page_token is None:
                break
            query = query._replace(page_token=page.next_page_token)
        for trace_id in reversed(newest_first):
            stored = self._store.trace(trace_id)
            row = None if stored is None else row_of_stored(stored)
            if row is None:
                self.skipped += 1
            else:
                self._add(row, f"trace {trace_id}")
        self._write()

    def _row_of(self, given: object, place: str) -> JsonObject:
        if isinstance(given, (str, Trace)):
            return self._row_of_trace(given, place)
        if isinstance(given, DatasetRow):
            given = given.to_dict()
        if not isinstance(given, Mapping):
            raise InvalidArgumentError(f"{place}: got {given!r:.80}, expected a dict with inputs, a trace or its id.")
        row = {name: value for name, value in given.items() if name not in _NOT_TAKEN and not _is_missing(value)}
        trace = row.pop("trace", None)
        if trace is None and "inputs" not in row:
            trace = row.get("trace_id")
        if isinstance(trace, (str, Trace)):
            made = self._row_of_trace(trace, place)
            own = row.get("expectations")
            if isinstance(own, Mapping):
                row["expectations"] = {**made.get("expectations", {}), **own}
            return {**made, **row}
        if trace is not None:
            raise InvalidArgumentError(f"{place}.trace: got {trace!r:.80}, expected a trace or its id.")
        return row

    def _row_of_trace(self, given: str | Trace, place: str) -> JsonObject:
        trace_id = given.trace_id if isinstance(given, Trace) else _checked_trace_id(given, place)
        stored = self._store.trace(trace_id)  # with the expectations that it has by now
        if stored is None and not isinstance(given, Trace):
            raise TraceNotFoundError(f"{place}: no trace {given!r} in the store")
        row = row_of_stored(stored) if isinstance(stored, StoredTrace) else _row_of_foreign(given)
        if row is None:
            raise InvalidArgumentError(f"{place}: the root of trace {trace_id} has no inputs.")
        return row

    def _add(self, row: JsonObject, place: str) -> None:
        safe, size, attachments = _safe(_with_defaults(row, self._defaults, place), place)
        if attachments:
            self._store.append([encode(record) for record in attachments])
        if self._waiting and (len(self._waiting) >= _ROWS_AT_ONCE or self._waiting_bytes + size > _BYTES_AT_ONCE):
            self._write()
        self._waiting.append(safe)
        self._waiting_bytes += size

    def _write(self) -> None:
        done = self._store.write_rows(self._dataset_id, self._waiting)
        self.added, self.changed = self.added + done.added, self.changed + done.changed
        self.written += len(self._waiting)
        self._waiting, self._waiting_bytes = [], 0


def _each(data: Any) -> Iterator[tuple[str, object]]:
    """The given items, each with its place for messages."""
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        data = data["trace"] if set(data.columns) >= _COLUMNS_OF_TRACES else data.to_dict("records")
    if isinstance(data, (str, Trace, DatasetRow, Mapping)):
        yield "data", data
    elif isinstance(data, bytes) or not isinstance(data, Iterable):
        raise InvalidArgumentError(
            f"data: got {type(data).__name__}, expected dicts with inputs, traces, ids of traces, or a DataFrame."
        )
    else:
        for index, given in enumerate(data):
            yield f"data[{index}]", given


def _is_missing(value: object) -> bool:
    """Whether a cell of a table is empty: pandas has NaN, NaT and NA for it."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value))


def _checked_trace_id(given: str, place: str) -> str:
    wanted = given.strip().lower().removeprefix("tr-")
    if len(wanted) != 32 or set(wanted) - _HEX:
        raise InvalidArgumentError(
            f"{place}: got {given!r:.80}, expected the id of a trace. For the traces of a filter write filter_string=."
        )
    return wanted


def _row_of_foreign(trace: Any) -> JsonObject | None:
    """The row of a trace that is in no store, or in another one."""
    root = trace.data.root
    newest_last = sorted(trace.info.assessments, key=lambda given: given.create_time_ms)
    expectations = {given.name: given.value for given in newest_last if given.type == "expectation"}
    return row_of_trace(trace.trace_id, root.to_dict() if root else None, expectations)


def _with_defaults(row: JsonObject, defaults: JsonObject, place: str) -> JsonObject:
    tags = {**defaults["tags"], **texts(f"{place}.tags", row.get("tags"))}
    source = row.get("source")
    data = source.get("source_data") if isinstance(source, Mapping) else None
    trace_id = row.get("trace_id") or (data.get("trace_id") if isinstance(data, Mapping) else None)
    return {**row, "tags": tags, "split": row.get("split") or defaults["split"], "trace_id": trace_id}


def _safe(row: JsonObject, place: str) -> tuple[JsonObject, int, list[AttachmentRecord]]:
    """A checked row as plain JSON without secrets, its size in bytes, and the binary content that was in it."""
    redact = runtime().recorder.redact
    encoded, attachments = take_out(encode(checked_row(row, place)), redact)
    line = redact(encoded)
    if has_failed(line):
        raise InvalidArgumentError(f"{place}: the redact function failed on this row, so it was not kept.")
    if len(line) > ROW_BYTES:
        raise InvalidArgumentError(f"{place}: has {len(line):,} bytes as JSON, expected at most {ROW_BYTES:,}.")
    return loads(line), len(line), attachments


def texts(name: str, given: object) -> dict[str, str | None]:
    """Tags as texts. Raises InvalidArgumentError."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{name}: got {given!r:.80}, expected a dict such as {{'kind': 'hard'}}.")
    for key in given:
        if not isinstance(key, str) or not 0 < len(key.strip()) <= KEY_LIMIT:
            raise InvalidArgumentError(f"{name}: the key {key!r:.80} is no text of 1 to {KEY_LIMIT} characters.")
    return {clean_text(key): None if value is None else shown_text(value, _TAG_LIMIT) for key, value in given.items()}


def row_from_stored(row: StoredRow, content_of: Callable[[str], tuple[str, bytes] | None]) -> DatasetRow:
    """The public form of a stored row, with its binary content."""
    inputs, outputs, expectations = put_back([row.inputs, row.outputs, row.expectations], content_of)
    return DatasetRow(
        row.row_id,
        inputs,
        outputs,
        expectations,
        row.tags,
        row.split,
        row.trace_id,
        row.source,
        row.created // _NS_PER_MS,
        row.updated // _NS_PER_MS,
    )

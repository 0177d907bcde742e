"""Datasets and their rows."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.errors import DatasetNotFoundError, InvalidArgumentError, TraceNotFoundError
from tracer.server.body import check_places
from tracer.server.operation import Call
from tracer.server.records import record_line, redacted_record
from tracer.store.datasets import (
    checked_changes,
    checked_dataset,
    checked_row,
    is_list_of_texts,
    parse_row_filter,
    row_of_span,
    row_of_stored,
)
from tracer.store.rows import StoredDataset, StoredRow, StoredTrace

_ROWS_LIMIT = 1000


def list_datasets(call: Call) -> JsonObject:
    """The datasets, newest first."""
    return {"datasets": [_dataset(row) for row in call.store.datasets()]}


def get_dataset(call: Call) -> JsonObject:
    """One dataset."""
    found = call.store.datasets(dataset_id=call.path["dataset_id"])
    if not found:
        raise DatasetNotFoundError(f"no dataset has the id {call.path['dataset_id'][:60]!r}")
    return _dataset(found[0])


def write_dataset(call: Call) -> JsonObject:
    """Make the dataset of a name, or set its tags and experiments; a tag of null is removed."""
    given = checked_dataset(call.body)
    safe = redacted_record({"name": given["name"], "tags": given["tags"]})
    return _dataset(call.store.write_dataset(**{**given, **safe}))


def delete_dataset(call: Call) -> None:
    """Delete a dataset with its rows."""
    call.store.delete_dataset(call.path["dataset_id"])


def list_rows(call: Call) -> JsonObject:
    """One page of a dataset's rows, oldest first; with a filter a page may be empty and not the last."""
    query = call.query
    page = call.store.rows(
        call.path["dataset_id"],
        filter=parse_row_filter(query["filter"]),
        limit=query["limit"],
        page_token=query["page_token"],
    )
    return {"rows": [_row(row) for row in page.rows], "next_page_token": page.next_page_token}


def add_rows(call: Call) -> JsonObject:
    """Add rows; one with the inputs of a row that is there is merged with it."""
    given = call.body.get("rows")
    if not isinstance(given, list):
        raise InvalidArgumentError("rows is no list of objects")
    if len(given) > _ROWS_LIMIT:
        raise InvalidArgumentError(f"rows has {len(given)} rows, expected at most {_ROWS_LIMIT}")
    if not isinstance(call.body.get("skip_empty", False), bool):
        raise InvalidArgumentError("skip_empty is neither true nor false")
    made = [_made(call, row, f"rows[{index}]") for index, row in enumerate(given)]
    rows = [row for row in made if row is not None]
    check_places(b"\n".join(map(record_line, rows)))
    done = call.store.write_rows(call.path["dataset_id"], [redacted_record(row) for row in rows])
    return {**done._asdict(), "skipped": len(made) - len(rows)}


def _made(call: Call, row: object, place: str) -> JsonObject | None:
    """A checked row; None for what has no inputs, where such is to be skipped."""
    if isinstance(row, dict) and isinstance(row.get("trace_id"), str) and row.get("inputs") is None:
        span_id = row.get("span_id")
        stored = call.store.trace(row["trace_id"])
        if stored is None:
            raise TraceNotFoundError(f"{place}: no trace {row['trace_id'][:40]!r} in the store")
        made = row_of_stored(stored) if span_id is None else _row_of_span(stored, span_id, place)
        if made is None and call.body.get("skip_empty"):
            return None
        if made is None:
            what = f"the root of trace {row['trace_id']!r}" if span_id is None else f"span {span_id!r}"
            raise InvalidArgumentError(f"{place}: {what} has no inputs")
        row = {**made, **{name: value for name, value in row.items() if value is not None and name != "span_id"}}
    return checked_row(row, place)


def _row_of_span(stored: StoredTrace, span_id: object, place: str) -> JsonObject | None:
    if not any(span["span_id"] == span_id for span in stored.spans):
        raise TraceNotFoundError(f"{place}: the trace has no span {span_id!r:.40}")
    return row_of_span(stored, str(span_id))


def edit_row(call: Call) -> JsonObject:
    """Give fields of a row other values; null empties one. A row with other inputs gets another id.

    With ``expected_updated_ns`` a row that was last changed at another time is left as it is: 409.
    """
    changes = dict(call.body)
    expected = changes.pop("expected_updated_ns", None)
    if not (expected is None or (isinstance(expected, int) and not isinstance(expected, bool))):
        raise InvalidArgumentError(f"expected_updated_ns is {expected!r:.40}, expected ns since the epoch")
    changes = checked_changes(changes)
    check_places(record_line(changes))
    safe = redacted_record(changes)
    return _row(call.store.edit_row(call.path["dataset_id"], call.path["row_id"], safe, expected=expected))


def delete_rows(call: Call) -> JsonObject:
    """Delete rows by their ids."""
    row_ids = call.body.get("row_ids")
    if not is_list_of_texts(row_ids):
        raise InvalidArgumentError("row_ids is no list of texts")
    return {"deleted": call.store.delete_rows(call.path["dataset_id"], row_ids)}


def _dataset(row: StoredDataset) -> JsonObject:
    return _with_ns(row._asdict())


def _row(row: StoredRow) -> JsonObject:
    return _with_ns(row._asdict())


def _with_ns(shape: JsonObject) -> JsonObject:
    return {f"{name}_ns" if name in ("created", "updated") else name: value for name, value in shape.items()}

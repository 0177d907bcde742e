"""Datasets and their rows."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.errors import DatasetNotFoundError, InvalidArgumentError, TraceNotFoundError
from tracer.server.body import check_places
from tracer.server.operation import Call
from tracer.server.records import record_line, redacted_record
from tracer.store.datasets import checked_dataset, checked_row, is_list_of_texts, parse_row_filter, row_of_stored
from tracer.store.rows import StoredDataset, StoredRow

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
    rows = [_checked(call, row, f"rows[{index}]") for index, row in enumerate(given)]
    check_places(b"\n".join(map(record_line, rows)))
    return call.store.write_rows(call.path["dataset_id"], [redacted_record(row) for row in rows])._asdict()


def _checked(call: Call, row: object, place: str) -> JsonObject:
    if isinstance(row, dict) and isinstance(row.get("trace_id"), str) and row.get("inputs") is None:
        stored = call.store.trace(row["trace_id"])
        if stored is None:
            raise TraceNotFoundError(f"{place}: no trace {row['trace_id'][:40]!r} in the store")
        made = row_of_stored(stored)
        if made is None:
            raise InvalidArgumentError(f"{place}: the root of trace {row['trace_id']!r} has no inputs")
        row = {**made, **{name: value for name, value in row.items() if value is not None}}
    return checked_row(row, place)


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

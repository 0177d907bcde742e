"""Record lines for store tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tests.engines import url_of
from tracer import semconv
from tracer.store import Store, TraceQuery, open_store
from tracer.store.filter import parse_filter, parse_order

START = 1_795_231_152_604_000_000  # ns, 2026-11-21
MS = 1_000_000
SECOND = 1_000 * MS


def span(trace_id: str, span_id: str, parent_id: str | None = None, **fields: Any) -> bytes:
    """A span's line; ``usage=(input, output)`` and ``model`` become attributes."""
    usage, model = fields.pop("usage", None), fields.pop("model", None)
    attributes = dict(fields.pop("attributes", {}))
    if usage:
        attributes |= {semconv.USAGE_INPUT: usage[0], semconv.USAGE_OUTPUT: usage[1]}
    if model:
        attributes[semconv.REQUEST_MODEL] = model
    record = {
        "kind": "span", "trace_id": trace_id, "span_id": span_id, "name": f"span {span_id}", "type": "CHAIN",
        "start": START, "end": START + SECOND, "status": "UNSET", **fields,
    }  # fmt: skip
    if parent_id:
        record["parent_id"] = parent_id
    if attributes:
        record["attributes"] = attributes
    return orjson.dumps(record)


def start(trace_id: str, span_id: str, **fields: Any) -> bytes:
    """A start record's line."""
    return orjson.dumps(
        {"kind": "start", "trace_id": trace_id, "span_id": span_id, "name": f"span {span_id}", "start": START, **fields}
    )


def said(trace_id: str, time: int = 1, **fields: Any) -> bytes:
    """A trace record's line."""
    return orjson.dumps({"kind": "trace", "trace_id": trace_id, "time": time, **fields})


def restore(trace_id: str) -> bytes:
    """The line by which a deleted trace may come again."""
    return orjson.dumps({"kind": "restore", "trace_id": trace_id})


def assessment(trace_id: str, name: str, value: Any, **fields: Any) -> bytes:
    """An assessment's line."""
    record = {
        "kind": "assessment",
        "id": f"a-{trace_id}-{name}-{value}",
        "trace_id": trace_id,
        "name": name,
        "value": value,
    }
    return orjson.dumps({**record, "type": "feedback", "time": 1, **fields})


def new_store(folder: Path, name: str = "traces.db") -> Store:
    """A store that belongs to a folder: a file in it, or in runs against an engine a database of its own."""
    return open_store(url_of(folder / name))


def found(store: Store, filter_string: str | None = None, **query: Any) -> list[str]:
    """The ids of the traces that a filter finds."""
    order = parse_order(query.pop("order_by", None))
    return [row.trace_id for row in store.find_traces(TraceQuery(parse_filter(filter_string), order, **query)).traces]

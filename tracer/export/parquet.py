"""Traces as a Parquet file with a row a span, for DuckDB, pandas, ClickHouse and whatever else reads columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from tracer import semconv
from tracer._distribution import install_advice
from tracer._json import JsonMapping, JsonObject
from tracer._records.usage import token_usage
from tracer.errors import TracerError
from tracer.export.records import whole_traces
from tracer.store.text import json_text

if TYPE_CHECKING:
    from tracer.store import Store
    from tracer.store.rows import TraceRow

_ROWS_TOGETHER = 10_000
_OF_TRACE = (
    ("trace_name", "string"), ("trace_state", "string"), ("experiment", "string"), ("session_id", "string"),
    ("user", "string"), ("model_id", "string"), ("run_id", "string"),
    ("tags", "json"), ("metadata", "json"), ("assessments", "json"),
)  # fmt: skip
_OF_SPAN = (
    ("trace_id", "string"), ("span_id", "string"), ("parent_id", "string"), ("name", "string"), ("type", "string"),
    ("status", "string"), ("status_message", "string"), ("start", "time"), ("end", "time"), ("duration_ms", "float64"),
    ("model", "string"), ("provider", "string"), ("input_tokens", "int64"), ("output_tokens", "int64"),
    ("total_tokens", "int64"), ("cost_usd", "float64"), ("inputs", "json"), ("outputs", "json"),
    ("attributes", "json"), ("events", "json"), ("links", "json"),
)  # fmt: skip


def write_parquet(store: Store, traces: Iterable[TraceRow], file: IO[bytes]) -> int:
    """Write the spans of these traces; the number of traces. Raises TracerError without pyarrow."""
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise TracerError(f"Parquet is written by pyarrow, which is missing: {install_advice('parquet')}") from error
    kinds: dict[str, Any] = {"json": pyarrow.string(), "time": pyarrow.timestamp("ns", tz="UTC")}
    fields = [(name, kinds.get(kind) or getattr(pyarrow, kind)()) for name, kind in (*_OF_SPAN, *_OF_TRACE)]
    schema = pyarrow.schema([*fields, ("resource", pyarrow.string())])
    counted = _Counted()
    rows = _rows(store, traces, counted)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _ROWS_TOGETHER)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))
    return counted.traces


class _Counted:
    traces = 0


def _rows(store: Store, traces: Iterable[TraceRow], counted: _Counted) -> Iterator[JsonObject]:
    for stored in whole_traces(store, traces):
        counted.traces += 1
        about = {**_about(stored.row), "resource": json_text(stored.resource)}
        yield from ({**_span(span), **about} for span in stored.spans)


def _about(row: TraceRow) -> JsonObject:
    return {
        "trace_name": row.name,
        "trace_state": row.state,
        **{name: getattr(row, name) for name in ("experiment", "session_id", "user", "model_id", "run_id")},
        "tags": json_text(row.tags),
        "metadata": json_text(row.metadata),
        "assessments": json_text([each._asdict() for each in row.assessments]),
    }


def _span(span: JsonMapping) -> JsonObject:
    plain, structured = span.get("attributes") or {}, span.get("json") or {}
    usage = token_usage(plain) or {}
    start, end = span.get("start"), span.get("end")
    rest = {key: value for key, value in structured.items() if key not in (semconv.INPUTS, semconv.OUTPUTS)}
    return {
        **{name: span.get(name) for name in ("trace_id", "span_id", "parent_id", "name", "type", "start", "end")},
        "status": span.get("status") or "UNSET",
        "status_message": span.get("message"),
        "duration_ms": None if start is None or end is None else (end - start) / 1e6,
        "model": plain.get(semconv.RESPONSE_MODEL) or plain.get(semconv.REQUEST_MODEL),
        "provider": plain.get(semconv.PROVIDER),
        **{name: usage.get(name) for name in ("input_tokens", "output_tokens", "total_tokens")},
        "cost_usd": (span.get("cost") or {}).get("total_cost"),
        "inputs": _json_or_none(structured, semconv.INPUTS),
        "outputs": _json_or_none(structured, semconv.OUTPUTS),
        "attributes": json_text({**plain, **rest}),
        "events": json_text(span.get("events") or []),
        "links": json_text(span.get("links") or []),
    }


def _json_or_none(structured: JsonMapping, key: str) -> str | None:
    return json_text(structured[key]) if key in structured else None

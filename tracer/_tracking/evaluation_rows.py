"""Rows to evaluate: dicts, traces or a table, checked, and by which key each is known again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

from tracer._api.queries import get_trace
from tracer._api.traces import Trace
from tracer._json import JsonObject
from tracer._tracking.checks import checked_texts
from tracer.errors import InvalidArgumentError, TraceNotFoundError

_KEYS = ("inputs", "outputs", "expectations", "trace", "tags", "id")
# further fields of rows of a dataset, in a table or a file
_OF_DATASETS = frozenset(
    ("dataset_record_id", "split", "trace_id", "source", "source_type", "source_id", "created_time", "last_update_time")
)
_COLUMNS_OF_TRACES = frozenset(("trace", "trace_id", "state"))


def checked_rows(data: Any, *, is_answered: bool) -> list[JsonObject]:
    """The rows as dicts, each with its ``key``. Raises InvalidArgumentError.

    ``is_answered`` is whether there is a function for rows without outputs.
    """
    rows = [_checked(row, index, is_answered) for index, row in enumerate(_rows(data))]
    if not rows:
        raise InvalidArgumentError("data: there are no rows, expected dicts such as {'inputs': {'question': '…'}}.")
    seen: Counter[str] = Counter()
    for row in rows:
        key = row.get("id") or inputs_digest(row["inputs"])
        seen[key] += 1
        row["key"] = key if seen[key] == 1 else f"{key}-{seen[key]}"
    return rows


def inputs_digest(inputs: object) -> str:
    """A short digest, the same for equal inputs."""
    text = json.dumps(inputs, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _rows(data: Any) -> Iterable[object]:
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        if set(data.columns) >= _COLUMNS_OF_TRACES:  # the table of a list of traces
            data = data[[name for name in ("trace", "inputs", "outputs", "expectations") if name in data.columns]]
        return [{key: value for key, value in row.items() if not _is_missing(value)} for row in data.to_dict("records")]
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        raise InvalidArgumentError(
            f"data: got {type(data).__name__}, expected a list of dicts, traces, a dataset or a DataFrame."
        )
    return data


def _is_missing(value: object) -> bool:
    """Whether a cell of a table is empty: pandas has NaN, NaT and NA for it."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value))


def _checked(row: Any, index: int, is_answered: bool) -> JsonObject:
    if isinstance(row, Trace):
        row = {"trace": row}
    if hasattr(row, "dataset_record_id"):
        row = row.to_dict()
    if isinstance(row, Mapping) and "inputs" in row and not _OF_DATASETS.isdisjoint(row):
        row = _row_of_dataset(row, is_answered)
    if not isinstance(row, Mapping):
        raise InvalidArgumentError(f"data[{index}]: got {row!r:.80}, expected a dict with inputs, or a trace.")
    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        raise InvalidArgumentError(f"data[{index}]: has {unknown[0]!r}; a row may have {', '.join(_KEYS)}.")
    expectations = row.get("expectations")
    if expectations is not None and not (isinstance(expectations, Mapping) and all(map(_is_name, expectations))):
        raise InvalidArgumentError(
            f"data[{index}].expectations: got {expectations!r:.80}, expected a dict such as {{'answer': 'Paris'}}."
        )
    if row.get("trace") is None and row.get("outputs") is None and not is_answered:
        raise InvalidArgumentError(f"data[{index}]: has neither outputs nor a trace, and there is no predict_fn.")
    trace, inputs, outputs = _trace_of(row.get("trace")), row.get("inputs"), row.get("outputs")
    root = trace.data.root if trace is not None else None
    if root is not None:
        inputs = root.inputs if inputs is None else inputs
        outputs = root.outputs if outputs is None else outputs
    return {
        "id": None if row.get("id") is None else str(row["id"]),
        "inputs": inputs,
        "outputs": outputs,
        "expectations": dict(expected_of(trace) if expectations is None else expectations),
        "tags": checked_texts(f"data[{index}].tags", row.get("tags")),
        "trace": trace,
    }


def _row_of_dataset(row: Mapping[str, Any], is_answered: bool) -> JsonObject:
    """A row of a dataset as the dataset gives it when it is iterated; with its outputs if no function is asked."""
    kept = {key: value for key, value in row.items() if key not in _OF_DATASETS and value is not None}
    if is_answered:
        kept.pop("outputs", None)
    return {**kept, "id": row.get("dataset_record_id") or row.get("id")}


def expected_of(trace: Trace | None) -> JsonObject:
    """The expectations that were logged on a trace."""
    assessments = [] if trace is None else sorted(trace.info.assessments, key=lambda each: each.create_time_ms)
    return {each.name: each.value for each in assessments if each.type == "expectation"}


def _trace_of(given: Any) -> Trace | None:
    if given is None or (isinstance(given, Trace) and given.data.spans):
        return given
    trace_id = given.trace_id if isinstance(given, Trace) else given  # searched for without its spans
    trace = get_trace(trace_id)
    if trace is None:
        raise TraceNotFoundError(f"no trace {trace_id!r} in the store")
    return trace


def _is_name(key: object) -> bool:
    return isinstance(key, str) and bool(key.strip())

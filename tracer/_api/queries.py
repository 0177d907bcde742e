"""Reading what was recorded: one trace, a search, statistics; and deleting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from tracer._api.traces import Trace, TraceList, trace_from_row, trace_from_stored
from tracer._encoding.text import clean_text
from tracer._other_keywords import DONE, Instead, takes_also
from tracer.errors import BusyServerError, InvalidArgumentError, NotAllowedError, StoreError
from tracer.store.filter import Comparison, Expression, Field, Or, all_of, parse_filter, parse_order
from tracer.store.rows import StatisticsRow, TraceQuery

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from tracer.store import Store

_MAX_RESULTS = 100_000


@takes_also({"silent": DONE, "flush": DONE})
def get_trace(trace_id: str) -> Trace | None:
    """The whole trace with this id, also right after it ended; None where the store has none."""
    if not isinstance(trace_id, str):
        raise InvalidArgumentError(
            f"trace_id is {trace_id!r}, expected a text such as get_last_active_trace_id() gives"
        )
    with _told_where_records_wait():
        stored = _store().trace(clean_text(trace_id))
    return trace_from_stored(stored) if stored else None


@overload
def search_traces(
    filter_string: str | None = None,
    *,
    experiment_names: Sequence[str] | None = None,
    experiment_ids: Sequence[str] | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    session_id: str | None = None,
    max_results: int | None = 100,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
    include_spans: bool = True,
    return_type: Literal["list"] | None = None,
) -> TraceList: ...
@overload
def search_traces(
    filter_string: str | None = None,
    *,
    experiment_names: Sequence[str] | None = None,
    experiment_ids: Sequence[str] | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    session_id: str | None = None,
    max_results: int | None = 100,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
    include_spans: bool = True,
    return_type: Literal["pandas"],
) -> pandas.DataFrame: ...
@takes_also(
    {
        "locations": "experiment_ids",
        "flush": DONE,
        "extract_fields": Instead("write search_traces(…).to_pandas(), with columns request and response"),
        "sql_warehouse_id": Instead("write tracer.set_tracking_uri(…) for another store"),
    }
)
def search_traces(
    filter_string: str | None = None,
    *,
    experiment_names: Sequence[str] | None = None,
    experiment_ids: Sequence[str] | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    session_id: str | None = None,
    max_results: int | None = 100,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
    include_spans: bool = True,
    return_type: Literal["list", "pandas"] | None = None,
) -> Any:
    """The traces that match a filter such as ``"status = 'ERROR' AND tags.env = 'prod'"``, newest first.

    ``order_by`` takes texts such as ``"cost DESC"``. With ``include_spans=False`` only ``info`` is read, which is
    faster. ``return_type="pandas"`` gives a DataFrame, as ``.to_pandas()`` does. Raises FilterSyntaxError with the
    position of the mistake.
    """
    if isinstance(filter_string, (list, tuple)):
        raise InvalidArgumentError(
            f"filter_string is {filter_string!r}; experiments go by keyword: experiment_ids={list(filter_string)!r}"
        )
    if return_type not in (None, "list", "pandas"):
        raise InvalidArgumentError(f"return_type is {return_type!r}, expected 'list' or 'pandas'")
    if max_results is None:
        max_results = 100
    _check_count("max_results", max_results)
    conditions = all_of(
        parse_filter(filter_string),
        _experiments(experiment_names, experiment_ids),
        _equals("run_id", run_id),
        _equals("model_id", model_id),
        _equals("session", session_id),
    )
    order = parse_order(order_by)
    with _told_where_records_wait():
        store = _store()
        page = store.find_traces(TraceQuery(conditions, order, max_results, page_token))
        spans = store.spans_of([row.trace_id for row in page.traces]) if include_spans else {}
    traces = [trace_from_row(row, spans.get(row.trace_id, [])) for row in page.traces]
    found = TraceList(traces, page.next_page_token)
    return found.to_pandas() if return_type == "pandas" else found


def delete_traces(
    trace_ids: Sequence[str] | str | None = None,
    *,
    filter_string: str | None = None,
    max_timestamp_millis: int | None = None,
    max_traces: int | None = None,
    experiment: str | None = None,
    experiment_id: str | None = None,
) -> int:
    """Delete the traces that match every condition, oldest first, with all that belongs to them; returns their number.

    Raises InvalidArgumentError when no condition is given.
    """
    ids = [trace_ids] if isinstance(trace_ids, str) else None if trace_ids is None else list(trace_ids)
    if ids is not None and not all(isinstance(trace_id, str) for trace_id in ids):
        raise InvalidArgumentError(f"trace_ids is {trace_ids!r}, expected a list of trace ids")
    if max_traces is not None:
        _check_count("max_traces", max_traces)
    before = None
    if max_timestamp_millis is not None:
        before = Comparison(Field("timestamp", "timestamp"), "<=", max_timestamp_millis)
    conditions = all_of(
        parse_filter(filter_string), before, _equals("experiment", experiment), _equals("experiment_id", experiment_id)
    )
    if ids is None and conditions is None:
        raise InvalidArgumentError(
            "delete_traces() was given nothing that says which; pass trace_ids, filter_string, max_timestamp_millis"
            ' or experiment. To delete all traces pass filter_string="timestamp > 0"'
        )
    if ids == []:
        return 0
    from tracer._engine.runtime import runtime

    ids = None if ids is None else [clean_text(trace_id) for trace_id in ids]
    try:
        return _store().delete_traces(trace_ids=ids, filter=conditions, limit=max_traces)
    finally:
        runtime().forget_attachments()


def statistics(
    group_by: str = "model",
    *,
    filter_string: str | None = None,
    experiment_names: Sequence[str] | None = None,
    since_ms: float | None = None,
    until_ms: float | None = None,
) -> list[StatisticsRow]:
    """Calls, errors, tokens, cost and latency by "model", "provider", "name" or "type", most calls first."""
    conditions = all_of(parse_filter(filter_string), _experiments(experiment_names, None))
    return _store().statistics(group_by=group_by, filter=conditions, since_ms=since_ms, until_ms=until_ms)


def _store() -> Store:
    from tracer._engine.runtime import runtime

    runtime().sync()
    return runtime().store()


@contextmanager
def _told_where_records_wait() -> Iterator[None]:
    from tracer._engine.runtime import runtime

    try:
        yield
    except (BusyServerError, NotAllowedError):
        raise
    except StoreError as error:
        if runtime().settings.store.startswith("http") and runtime().recorder.last_trace_id(thread_local=False):
            text = f"{error}; what this program recorded waits in its journal, and is sent when the server answers"
            raise StoreError(text) from error
        raise


def _equals(field: str, value: str | None) -> Expression | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{field} is {value!r}, expected a text")
    return Comparison(Field(field, "text"), "=", clean_text(value))


def _experiments(names: Sequence[str] | None, ids: Sequence[str] | None) -> Expression | None:
    parts: list[Expression] = []
    named, numbered = _cleaned(names), _cleaned(ids)
    if numbered is not None:  # a name will do for an id
        named = [*(named or ()), *(text for text in numbered if not text.isdecimal())] or named
        numbered = [text for text in numbered if text.isdecimal()] or (None if named else numbered)
    for field, values in (("experiment", named), ("experiment_id", numbered)):
        if values is not None:
            texts = tuple(values)
            is_one = len(texts) == 1  # for "=" the order comes from the same index
            parts.append(Comparison(Field(field, "text"), "=" if is_one else "IN", texts[0] if is_one else texts))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _cleaned(values: Sequence[str] | None) -> list[str] | None:
    if values is None:
        return None
    return [clean_text(str(value)) for value in ((values,) if isinstance(values, str) else values)]


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_RESULTS:
        raise InvalidArgumentError(f"{name} is {value!r}, expected a whole number from 1 to {_MAX_RESULTS}")


__all__ = ["delete_traces", "get_trace", "search_traces", "statistics"]

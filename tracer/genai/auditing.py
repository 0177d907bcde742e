"""The audit of stored traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer._audit import Audit as Audit
from tracer._audit import Finding as Finding
from tracer._audit import audit_of, calls_of
from tracer._audit.calls import Texts
from tracer._engine.runtime import runtime
from tracer.errors import InvalidArgumentError
from tracer.store.filter import parse_filter
from tracer.store.rows import TraceQuery

if TYPE_CHECKING:
    from tracer.store import Store
    from tracer.store.filter import Expression

_MAX_TRACES = 1_000
_A_PAGE = 50


def audit(filter_string: str | None = None, *, max_traces: int = _MAX_TRACES) -> Audit:
    """Tokens and USD a day that calls to models spent without need, in the newest traces that match the filter.

    Finds identical calls, prompt cache misses with their reason and place, context that is sent again and never used,
    tools that are never called, giant tool results, retries and loops. Raises FilterSyntaxError.
    """
    if isinstance(max_traces, bool) or not isinstance(max_traces, int) or max_traces < 1:
        raise InvalidArgumentError(f"max_traces: got {max_traces!r}, expected a whole number from 1.")
    runtime().sync()
    return audit_of_store(runtime().store(), parse_filter(filter_string), max_traces)


def audit_of_store(store: Store, condition: Expression | None, max_traces: int) -> Audit:
    """The audit of the newest traces of a store."""
    texts, calls, seen, token = Texts(), [], 0, None
    while seen < max_traces:
        page = store.find_traces(TraceQuery(filter=condition, limit=min(_A_PAGE, max_traces - seen), page_token=token))
        for spans in store.spans_of([row.trace_id for row in page.traces]).values():
            calls.extend(calls_of(spans, texts))
        seen += len(page.traces)
        token = page.next_page_token
        if token is None:
            break
    return audit_of(calls, seen)

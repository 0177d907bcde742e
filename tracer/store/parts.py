"""Many traces in parts: their ids page by page, and their deletion so that nobody waits long for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer.store import Store
from tracer.store.filter import Expression, OrderTerm
from tracer.store.rows import TraceQuery

_PAGE = 100
_OLDEST_FIRST = (OrderTerm("timestamp", False),)


def trace_ids_of(store: Store, condition: Expression) -> Iterator[list[str]]:
    """The ids of the traces that meet a condition, the oldest first, at most a hundred at once."""
    token = None
    while True:
        page = store.find_traces(TraceQuery(condition, _OLDEST_FIRST, _PAGE, token))
        yield [row.trace_id for row in page.traces]
        token = page.next_page_token
        if token is None:
            return


def delete_in_parts(store: Store, trace_ids: Sequence[str], condition: Expression) -> Iterator[int]:
    """Delete those of the traces that still meet the condition; yields how many, part by part."""
    at_once = store.deletes_at_once
    for start in range(0, len(trace_ids), at_once):
        yield store.delete_traces(trace_ids=trace_ids[start : start + at_once], filter=condition)

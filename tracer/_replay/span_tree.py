"""The spans of a trace by the step that they are below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tracer._api.traces import Span

Below: TypeAlias = "dict[str | None, list[Span]]"


def steps_below(spans: Iterable[Span]) -> Below:
    """The steps below each step in the order in which they began, the topmost below None."""
    spans = sorted(spans, key=lambda span: span.start_time_ns)
    ids = {span.span_id for span in spans}
    below: Below = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in ids else None, []).append(span)
    return below


def in_order(spans: Iterable[Span]) -> list[Span]:
    """The steps as they are shown: each before those below it, siblings in the order in which they began."""
    below = steps_below(spans)
    found: list[Span] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        span = waiting.pop()
        found.append(span)
        waiting += reversed(below.get(span.span_id, []))
    return found

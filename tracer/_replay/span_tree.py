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

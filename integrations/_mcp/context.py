"""The trace's context in a request's ``_meta``: put there by the one who asks, read by the one who answers.

``traceparent`` names the span of the request. Where the program's own OpenTelemetry has put the id of its span there,
ours is an entry of ``tracestate``, which is made for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tracer._engine.nonrecording import NonRecordingSpan
from tracer._engine.propagation import headers_of, remote_parent
from tracer._json import JsonMapping, JsonObject

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

_PARENT, _STATE, _ENTRY = "traceparent", "tracestate", "tracer"

# the span of the request that is being sent here
sending: ContextVar[AnySpan | None] = ContextVar("tracer_mcp_sending", default=None)


def with_context(meta: JsonMapping, span: AnySpan) -> JsonObject:
    """A request's ``_meta`` with the context of its span."""
    return {**meta, **headers_of(span)}


def keep_context(meta: JsonObject) -> None:
    """Put our span beside the one that took its place in a ``_meta``."""
    span = sending.get()
    ours = headers_of(span).get(_PARENT) if span is not None else None
    if ours is None or meta.get(_PARENT) in (None, ours):
        return
    _, trace_id, span_id, _ = ours.split("-")
    others = [entry for entry in str(meta.get(_STATE) or "").split(",") if entry and not _is_ours(entry)]
    meta[_STATE] = ",".join([f"{_ENTRY}={trace_id}-{span_id}", *others])


def parent_in(meta: object) -> NonRecordingSpan | None:
    """The span that a request's ``_meta`` names as its parent; None if it names none."""
    if not isinstance(meta, Mapping) or _PARENT not in meta:
        return None
    parent = remote_parent({key: meta[key] for key in (_PARENT, _STATE) if key in meta})
    if parent is None or parent.trace_state is None:
        return parent
    ours = parent.trace_state.get(_ENTRY)
    state = parent.trace_state.delete(_ENTRY) if ours is not None else parent.trace_state
    parent.trace_state = state
    trace_id, _, span_id = (ours or "").partition("-")
    if len(trace_id) != 32 or len(span_id) != 16:
        return parent
    named = remote_parent({_PARENT: f"00-{trace_id}-{span_id}-01"})
    if named is not None:
        named.trace_state = state
    return named or parent


def _is_ours(entry: str) -> bool:
    return entry.partition("=")[0].strip() == _ENTRY

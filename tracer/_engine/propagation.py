"""A span's place in its trace as W3C headers, and the parent that such headers name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracer._engine.nonrecording import NonRecordingSpan

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

# the kinds of the spans on both sides of a request
ASKS, ANSWERS = SpanKind.CLIENT, SpanKind.SERVER
_PROPAGATOR = TraceContextTextMapPropagator()


def headers_of(span: AnySpan) -> dict[str, str]:
    """``traceparent``, and ``tracestate`` if there is any; empty for a span without an identity."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers, set_span_in_context(span, Context()))
    return headers


def remote_parent(headers: Mapping[str, object]) -> NonRecordingSpan | None:
    """The span of another process that headers name, in any case; None without a valid ``traceparent``."""
    carrier = {str(key).lower(): str(value) for key, value in headers.items()}
    context = get_current_span(_PROPAGATOR.extract(carrier, Context())).get_span_context()
    if not context.is_valid:
        return None
    return NonRecordingSpan(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        sampled=context.trace_flags.sampled,
        remote=True,
        trace_state=context.trace_state,
    )

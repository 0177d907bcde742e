"""Joins an application's own TracerProvider: its spans below ours are recorded too, so that trees stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import get_current_span

from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import JsonObject, to_plain
from tracer.semconv import SPAN_TYPE

if TYPE_CHECKING:
    from tracer._engine.recorder import Recorder

_MARK = "_tracer_records"


class SpansBelowOurs(SpanProcessor):
    """Records those spans of the application that were started below a span of tracer's."""

    def __init__(self, provider: TracerProvider, recorder: Recorder) -> None:
        self._provider = provider
        self._recorder = recorder

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if isinstance(span, LiveSpan) or self._recorder.otel.joined is not self._provider:
            return
        parent = get_current_span(parent_context)
        if (isinstance(parent, LiveSpan) and parent.is_recording()) or getattr(parent, _MARK, False):
            setattr(span, _MARK, True)

    def on_end(self, span: ReadableSpan) -> None:
        # the SDK passes a copy without the mark: _on_ending gets the span itself
        return None

    def _on_ending(self, span: Span) -> None:
        if getattr(span, _MARK, False):
            with guard("recording a span of the joined provider"):
                self._recorder.append(record_from_readable(span))


def record_from_readable(span: ReadableSpan) -> JsonObject:
    """An OpenTelemetry span as a record of the journal."""
    context, parent = span.get_span_context(), span.parent
    attributes = dict(span.attributes or {})
    scope = span.instrumentation_scope
    record: JsonObject = {
        "kind": "span",
        "trace_id": f"{context.trace_id:032x}",  # type: ignore[union-attr]
        "span_id": f"{context.span_id:016x}",  # type: ignore[union-attr]
        "name": span.name,
        "type": str(attributes.pop(SPAN_TYPE, "UNKNOWN")),
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "message": span.status.description or "",
        "otel_kind": span.kind.value,
        "attributes": to_plain(attributes),
        "events": [
            {"name": event.name, "time": event.timestamp, "attributes": to_plain(dict(event.attributes or {}))}
            for event in span.events
        ],
        "scope": scope.name if scope is not None else "",
    }
    if parent is not None:
        record["parent_id"] = f"{parent.span_id:016x}"
        record["remote_parent"] = parent.is_remote
    return record


_joined: dict[int, SpansBelowOurs] = {}


def join(provider: TracerProvider, recorder: Recorder) -> None:
    """Add the processor to a provider, once, however often the provider is configured."""
    if id(provider) not in _joined:
        _joined[id(provider)] = SpansBelowOurs(provider, recorder)
        provider.add_span_processor(_joined[id(provider)])

"""Joins an application's own TracerProvider: its spans below ours are recorded too, so that trees stay whole.

Those of other instrumentations are read through their dialects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, get_current_span

from tracer import semconv
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import to_plain
from tracer.dialects import load_installed, translate
from tracer.semconv import SPAN_TYPE

if TYPE_CHECKING:
    from tracer._engine.recorder import Recorder
    from tracer._records.record import SpanRecord, TraceRecord

_WITHOUT_CONTENT = (
    *("tracer.", "openai.", "server.", "error.type", "code.", "session.id", "user.id"),
    *("http.request.method", "http.response.status_code", "http.route"),
)
_GEN_AI = "gen_ai."
_CONTENT = frozenset(
    (
        *(semconv.INPUTS, semconv.OUTPUTS, semconv.OUTPUT_SCHEMA, semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES),
        *(semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
    )
)
_NAMED = {"gen_ai.system", *(name for name in vars(semconv).values() if isinstance(name, str))} - _CONTENT
# last words of the names of attributes whose text is no content
_IDENTIFIERS = ("id", "name", "type", "version", "model")
RECORDED = "_tracer_records"  # marks the spans of others that are recorded


class SpansBelowOurs(SpanProcessor):
    """Records those spans of the application that were started below a span of tracer's."""

    def __init__(self, provider: TracerProvider, recorder: Recorder) -> None:
        self._provider = provider
        self._recorder = recorder

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        otel = self._recorder.otel
        if isinstance(span, LiveSpan) or otel.joined is not self._provider or otel.bridge is not None:
            return
        parent = get_current_span(parent_context)
        if (isinstance(parent, LiveSpan) and parent.is_recording()) or getattr(parent, RECORDED, False):
            setattr(span, RECORDED, True)

    def on_end(self, span: ReadableSpan) -> None:
        # the SDK passes a copy without the mark: _on_ending gets the span itself
        return None

    def _on_ending(self, span: Span) -> None:
        if getattr(span, RECORDED, False):
            with guard("recording a span of the joined provider"):
                record = record_from_readable(span)
                about_trace = translated(record, self._recorder)
                self._recorder.append(record)
                if about_trace is not None:
                    self._recorder.append(about_trace)


def translated(record: SpanRecord, recorder: Recorder) -> TraceRecord | None:
    """Read a span by its dialect, in place, and drop its content where none is kept; gives its trace's fields."""
    about_trace = translate(record)
    if not recorder.capture_content:
        drop_content(record)
    return about_trace


def record_from_readable(span: ReadableSpan) -> SpanRecord:
    """An OpenTelemetry span as a record of the journal."""
    context, parent = span.get_span_context(), span.parent
    attributes = dict(span.attributes or {})
    scope = span.instrumentation_scope
    record: SpanRecord = {
        "kind": "span",
        "trace_id": f"{context.trace_id:032x}",  # type: ignore[union-attr]
        "span_id": f"{context.span_id:016x}",  # type: ignore[union-attr]
        "name": span.name,
        "type": str(attributes.pop(SPAN_TYPE, "UNKNOWN")),
        "start": span.start_time or 0,
        "end": span.end_time or 0,
        "status": span.status.status_code.name,  # type: ignore[typeddict-item]
        "message": span.status.description or "",
        "attributes": to_plain(attributes),
        "events": [
            {"name": event.name, "time": event.timestamp, "attributes": to_plain(dict(event.attributes or {}))}
            for event in span.events
        ],
        "scope": scope.name if scope is not None else "",
    }
    if span.kind is not SpanKind.INTERNAL:
        record["otel_kind"] = span.kind.value
    if span.links:
        record["links"] = [
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                "attributes": to_plain(dict(link.attributes or {})),
            }
            for link in span.links
        ]
    if parent is not None:
        record["parent_id"] = f"{parent.span_id:016x}"
        record["remote_parent"] = parent.is_remote
    return record


def drop_content(record: SpanRecord) -> None:
    """Leave structure, tokens and times of a span that its dialect has been read of.

    An attribute that no convention names may hold anything.
    """
    record.pop("json", None)
    record.pop("message", None)
    attributes = record.get("attributes") or {}
    record["attributes"] = {key: value for key, value in attributes.items() if _is_without_content(key, value)}
    for link in record.get("links") or ():
        link["attributes"] = {}
    for event in record.get("events") or ():
        attributes = event.get("attributes", {})
        event["attributes"] = {key: value for key, value in attributes.items() if key == "exception.type"}


def _is_without_content(key: str, value: object) -> bool:
    if not key.startswith(_GEN_AI):
        return key.startswith(_WITHOUT_CONTENT) and key not in _CONTENT
    return key in _NAMED or isinstance(value, (bool, int, float)) or key.rpartition(".")[2] in _IDENTIFIERS


_joined: dict[int, SpansBelowOurs] = {}


def join(provider: TracerProvider, recorder: Recorder) -> None:
    """Add the processor to a provider, once, however often the provider is configured."""
    if id(provider) not in _joined:
        _joined[id(provider)] = SpansBelowOurs(provider, recorder)
        provider.add_span_processor(_joined[id(provider)])
        load_installed()

"""The bridge to OpenTelemetry: spans that others make in this process become steps of the same trees as ours.

Nothing is sent anywhere: a processor on the provider that makes the spans writes a record of each.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from tracer._engine.joined_provider import RECORDED, drop_content, record_from_readable
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer.dialects import translate

if TYPE_CHECKING:
    from tracer._engine.recorder import Recorder


class Bridge(SpanProcessor):
    """Records the spans of the providers that it watches, while it is open."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self._own_provider: TracerProvider | None = None
        self.is_open = False

    def open(self) -> None:
        """Record from now on."""
        self.is_open = True
        self._recorder.otel.share_context(bool(self._watched))

    def close(self) -> None:
        """Record nothing more; a provider has no way to take a processor off, so that it stays and does nothing."""
        self.is_open = False
        self._recorder.otel.share_context(False)

    def watch(self, provider: Any) -> None:
        """Record the spans of a provider of OpenTelemetry's SDK, or of one that takes processors as that does."""
        if provider not in self._watched and hasattr(provider, "add_span_processor"):
            self._watched.add(provider)
            provider.add_span_processor(self)
        if self._watched:
            self._recorder.otel.share_context(self.is_open)

    def own_provider(self) -> TracerProvider:
        """A provider that exports nothing, for the spans of a program that has none."""
        if self._own_provider is None:
            self._own_provider = TracerProvider(resource=self._recorder.otel.resource(), shutdown_on_exit=False)
            self.watch(self._own_provider)
        return self._own_provider

    # ---- called by OpenTelemetry ----

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Write the start of a span that has no parent in this process, so that its trace is seen while it runs."""
        if not self._records(span):
            return
        with guard("recording the start of OpenTelemetry's span"):
            setattr(span, RECORDED, True)
            parent = otel_trace.get_current_span(parent_context)
            if isinstance(parent, LiveSpan) or getattr(parent, RECORDED, False):
                return
            context, above = span.get_span_context(), span.parent
            self._recorder.other_root_started(
                f"{context.trace_id:032x}",
                f"{context.span_id:016x}",
                None if above is None else f"{above.span_id:016x}",
                span.name,
                span.start_time or 0,
            )

    def on_end(self, span: ReadableSpan) -> None:
        """Write the record of a span that ended."""
        if not self._records(span):
            return
        with guard("recording OpenTelemetry's span"):
            record = record_from_readable(span)
            about_trace = translate(record)
            if not self._recorder.capture_content:
                drop_content(record)
            self._recorder.append(record)
            if about_trace is not None:
                self._recorder.append(about_trace)
            if span.parent is None or span.parent.is_remote:
                self._recorder.other_root_ended(record["trace_id"])

    def _records(self, span: ReadableSpan) -> bool:
        context = span.get_span_context()
        return (
            self.is_open
            and self._recorder.recording
            and not isinstance(span, LiveSpan)  # of a provider that is joined as well
            and context is not None
            and self._recorder.samples(f"{context.trace_id:032x}")
        )

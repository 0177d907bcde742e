"""The bridge to OpenTelemetry: spans that others make in this process become steps of the same trees as ours.

Nothing is sent anywhere: a processor on the provider that makes the spans writes a record of each.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from tracer._engine.joined_provider import RECORDED, record_from_readable, translated
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer.dialects import is_model_call, load_installed
from tracer.export.otel import ExportedSpan

if TYPE_CHECKING:
    from tracer._engine.recorder import Recorder

_PARENT = "_tracer_parent"  # of a span that is recorded, where that is recorded too
_OPEN_CALLS = 100_000  # more are no longer looked at: spans that never end must not fill the memory


class _Call:
    """A model's call that another instrumentation makes a span of."""

    __slots__ = ("is_ours", "parent")

    def __init__(self, parent: otel_trace.Span, is_ours: bool) -> None:
        self.parent = parent
        self.is_ours = is_ours  # whether a provider of ours records the same call


class Bridge(SpanProcessor):
    """Records the spans of the providers that it watches, while it is open.

    A call that a provider of ours records too is one step, ours: the other's span is left out, whether it is above or
    below, and what is below that goes on below ours.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self._own_provider: TracerProvider | None = None
        self._calls: dict[int, _Call] = {}  # by the id of the open span
        self._parents: dict[int, str] = {}  # of open spans below one that is left out: the id of ours
        self.is_open = False

    def open(self) -> None:
        """Record from now on."""
        self.is_open = True
        self._recorder.otel.share_context(self)  # at once: a provider may be set below a step of ours
        load_installed()

    def close(self) -> None:
        """Record nothing more; a provider has no way to take a processor off, so that it stays and does nothing."""
        self.is_open = False
        self._recorder.otel.share_context(None)
        self._calls.clear()
        self._parents.clear()

    def watch(self, provider: Any) -> None:
        """Record the spans of a provider of OpenTelemetry's SDK, or of one that takes processors as that does."""
        if provider not in self._watched and hasattr(provider, "add_span_processor"):
            self._watched.add(provider)
            provider.add_span_processor(self)

    def own_provider(self) -> TracerProvider:
        """A provider that exports nothing, for the spans of a program that has none."""
        if self._own_provider is None:
            self._own_provider = TracerProvider(resource=self._recorder.otel.resource(), shutdown_on_exit=False)
            self.watch(self._own_provider)
        return self._own_provider

    def above_call(self, span: otel_trace.Span) -> otel_trace.Span:
        """The parent of a call that a provider of ours records: above the spans that others make of the same call."""
        while (call := self._call_of(span)) is not None:
            call.is_ours = True
            span = call.parent
        return span

    def _call_of(self, span: Any) -> _Call | None:
        """The model's call that a span is of; some instrumentations say so only after the span has started."""
        span_id = span.get_span_context().span_id
        parent = getattr(span, _PARENT, None)
        if span_id not in self._calls and parent is not None and is_model_call(span.attributes or {}):
            self._calls[span_id] = _Call(parent, is_ours=False)
        return self._calls.get(span_id)

    # ---- called by OpenTelemetry ----

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Write the start of a span that has no parent in this process, so that its trace is seen while it runs."""
        if not self._records(span):
            return
        with guard("recording the start of OpenTelemetry's span"):
            setattr(span, RECORDED, True)
            parent = otel_trace.get_current_span(parent_context)
            context = span.get_span_context()
            above = self._calls.get(parent.get_span_context().span_id)
            if is_model_call(span.attributes or {}):
                if len(self._calls) < _OPEN_CALLS:
                    self._calls[context.span_id] = _Call(parent, _is_our_call(parent))
            elif above is not None and above.is_ours:
                if isinstance(above.parent, LiveSpan):
                    self._parents[context.span_id] = above.parent.span_id
            elif not (isinstance(parent, LiveSpan) or getattr(parent, RECORDED, False)):
                self._write_start(span, context)
            else:
                setattr(span, _PARENT, parent)

    def _write_start(self, span: Span, context: otel_trace.SpanContext) -> None:
        self._recorder.other_root_started(
            f"{context.trace_id:032x}",
            f"{context.span_id:016x}",
            None if span.parent is None else f"{span.parent.span_id:016x}",
            span.name,
            span.start_time or 0,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Write the record of a span that ended."""
        context = span.get_span_context()
        if context is None or not self._records(span):
            return
        with guard("recording OpenTelemetry's span"):
            record = record_from_readable(span)
            call = self._calls.pop(context.span_id, None)
            parent_id = self._parents.pop(context.span_id, None)
            if parent_id is not None:
                record["parent_id"] = parent_id
            about_trace = translated(record, self._recorder)
            if call is not None and call.is_ours:
                if about_trace is not None and isinstance(call.parent, LiveSpan):
                    self._recorder.append({**about_trace, "trace_id": call.parent.trace_id})
                return
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
            and not isinstance(span, (LiveSpan, ExportedSpan))  # of a provider that is joined as well
            and context is not None
            and self._recorder.samples(f"{context.trace_id:032x}")
        )


def _is_our_call(span: otel_trace.Span) -> bool:
    return isinstance(span, LiveSpan) and span.otel_kind is SpanKind.CLIENT

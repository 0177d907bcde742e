"""The bridge to OpenTelemetry: spans that others make in this process become steps of the same trees as ours.

Nothing is sent anywhere: a processor on the provider that makes the spans writes a record of each.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from tracer._engine.bridged_logs import BridgedLogs, Watched
from tracer._engine.context import covered_scopes, current, switched_off
from tracer._engine.joined_provider import RECORDED, record_from_readable, translated
from tracer._engine.nonrecording import Place
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._records.model_names import name_one_model
from tracer.dialects import called_models, is_report, load_installed
from tracer.dialects.sums import put_above
from tracer.export.otel import ExportedSpan
from tracer.semconv import MCP_METHOD, REQUEST_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer._engine.recorder import Recorder
    from tracer._records.record import SpanRecord

_OPEN_SPANS = 100_000  # more are no longer looked at: spans that never end must not fill the memory


class _Open:
    """A span of another instrumentation that has not ended."""

    __slots__ = (
        "above",
        "beside",
        "has_ended",
        "has_twin",
        "is_covered",
        "is_ours",
        "is_replaced",
        "is_root",
        "our_models",
        "parent",
        "span",
    )

    def __init__(self, span: Span, parent: otel_trace.Span, above: _Open | None, beside: _Open | None) -> None:
        self.span = span
        self.parent = parent
        self.above = above  # the same of its parent
        self.beside = beside  # one begun before it below the same parent, which may be of the same call
        self.is_root = not (isinstance(parent, LiveSpan) or getattr(parent, RECORDED, False))  # in this process
        self.is_covered = _is_covered(span)  # whether a provider of ours records all steps of its instrumentation
        self.is_ours = self.is_covered  # whether a provider of ours records the same call
        self.is_replaced = False  # whether that call's span has its id
        self.our_models: set[str] = set()  # of calls below or beside it that a provider of ours records
        self.has_ended = self.has_twin = False

    def models(self) -> set[str] | None:
        """The models in its attributes so far; None if it is no call of a model."""
        return called_models(record_from_readable(self.span))

    def is_left_out(self) -> bool:
        """Whether a provider of ours records the same call, above it, below or beside."""
        if self.is_ours or (_is_our_call(self.parent) and self.models() is not None):
            return True
        twin = self.twin()
        return twin is not None and twin.is_left_out()

    def twin(self) -> _Open | None:
        """The span beside it that another makes of the same call, each has one at most; or the one it reports of."""
        other = self.beside
        if other is None:
            return None
        reports = is_report(self.span.attributes or {})
        if not reports and (other.has_twin or other.span.instrumentation_scope == self.span.instrumentation_scope):
            return None
        if not _are_same(other.models(), self.models()):
            return None
        return other if reports or other.twin() is None else None

    def end(self) -> _Open | None:
        """Its twin; other spans are released: this one is kept by its context until the next begins."""
        twin = None
        if self.beside is not None:
            twin, self.beside = self.twin(), None
            self.has_twin = twin is not None
        self.has_ended = True
        self.is_ours = self.is_left_out() or (twin is not None and twin.is_left_out())
        if not self.is_ours:
            self.above = None
        if isinstance(self.parent, LiveSpan):
            self.parent = otel_trace.NonRecordingSpan(self.parent.get_span_context())
        return twin


# the span that another instrumentation began last in this context
_latest: ContextVar[_Open | None] = ContextVar("tracer_latest_span", default=None)


class Bridge(SpanProcessor):
    """Records the spans of the providers that it watches, while it is open.

    A call that a provider of ours records too is one step, ours: the other's span is left out, whether it is above,
    below or beside ours, and its children become children of ours. Of two others' spans of one call beside each
    other, the later one becomes a child of the earlier one. All spans of an instrumentation of a framework that has a
    provider of ours are left out.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watched = Watched()
        self._own_provider: TracerProvider | None = None
        self.logs = BridgedLogs(recorder)
        self._open: dict[int, _Open] = {}  # by the id of the span
        self._left_out: set[int] = set()  # open spans that were started where nothing is recorded
        self.is_open = False

    def open(self) -> None:
        """Record from now on."""
        self.is_open = self.logs.is_open = True
        self._recorder.otel.share_context(self)  # at once: a provider may be set below a step of ours
        load_installed()

    def close(self) -> None:
        """Record nothing more; a provider has no way to take a processor off, so that it stays and does nothing."""
        self.is_open = self.logs.is_open = False
        self._recorder.otel.share_context(None)
        self.logs.clear()
        self._open.clear()

    def watch(self, provider: Any) -> None:
        """Record the spans of a provider of OpenTelemetry's SDK, or of one that takes processors in the same way."""
        if hasattr(provider, "add_span_processor") and self._watched.add(provider):
            provider.add_span_processor(self)

    def own_provider(self) -> TracerProvider:
        """A provider that exports nothing, for the spans of a program that has none."""
        if self._own_provider is None:
            self._own_provider = TracerProvider(resource=self._recorder.otel.resource(), shutdown_on_exit=False)
            self.watch(self._own_provider)
        return self._own_provider

    def above_covered(self, span: otel_trace.Span) -> otel_trace.Span:
        """The parent for a step of ours below a span: above the spans of frameworks that have a provider of ours."""
        while (opened := self._open.get(_id_of(span))) is not None and opened.is_covered:
            span = opened.parent
        return span

    def above_call(self, span: otel_trace.Span, call: Mapping[str, object]) -> otel_trace.Span:
        """The parent for a call that a provider of ours records: above the spans that others make of the same call.

        It has the id of the outermost of them, so that the spans below that one are below ours.
        """
        models = {str(call.get(REQUEST_MODEL))}
        replaced = top = None
        while (opened := self._span_of_call(span, models)) is not None:
            if not opened.is_ours:
                replaced, opened.is_ours = opened, True
            top, span = opened, opened.parent
        self._tell_others(span, models)
        if top is None or (replaced is None and not top.is_root):
            return span
        if replaced is not None:
            replaced.is_replaced = True
        return Place((replaced or top).span, span, is_free=replaced is not None, is_first=top.is_root)

    def _tell_others(self, span: otel_trace.Span, models: set[str]) -> None:
        """Note a call of ours at the spans above and beside it: their later attributes may show that it is theirs."""
        beside = self._latest_below(span)
        if beside is not None:
            beside.our_models |= models
        above = self._open.get(_id_of(span))
        while above is not None:
            above.our_models |= models
            above = above.above

    def _span_of_call(self, span: otel_trace.Span, models: set[str]) -> _Open | None:
        """The next span that another makes of a call that begins below a span: beside it, else that span."""
        beside = self._latest_below(span)
        while beside is not None and beside.is_ours:
            beside = beside.beside
        if beside is not None and _are_same(beside.models(), models):
            return beside
        opened = self._open.get(_id_of(span))
        return opened if opened is not None and (opened.is_covered or opened.models() is not None) else None

    def _latest_below(self, parent: otel_trace.Span, *, ended: bool = False) -> _Open | None:
        """The span that was begun last in this context, if this is its parent, and it is open."""
        latest = _latest.get()
        if latest is None or (latest.has_ended and not ended):
            return None
        return latest if _id_of(latest.parent) == _id_of(parent) else None

    # ---- called by OpenTelemetry ----

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Write the start of a span that has no parent in this process, so that its trace is seen while it runs."""
        if not self._records(span):
            return
        if switched_off.get():
            if len(self._left_out) < _OPEN_SPANS:
                self._left_out.add(span.get_span_context().span_id)
            return
        with guard("recording the start of OpenTelemetry's span"):
            setattr(span, RECORDED, True)
            parent = otel_trace.get_current_span(parent_context)
            context = span.get_span_context()
            ours = current.get() if _is_covered(span) else None
            if isinstance(ours, LiveSpan):
                parent = ours
            above = self._open.get(_id_of(parent))
            beside = self._latest_below(parent, ended=is_report(span.attributes or {}))
            opened = _Open(span, parent, above, beside)
            if len(self._open) < _OPEN_SPANS:
                self._open[context.span_id] = opened
                if not opened.is_covered:
                    _latest.set(opened)
            if opened.is_root and beside is None and not opened.is_covered:
                self._write_start(span, context)

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
        if context.span_id in self._left_out:
            self._left_out.discard(context.span_id)
            return
        with guard("recording OpenTelemetry's span"):
            opened = self._open.pop(context.span_id, None)
            logged = self.logs.take(f"{context.span_id:016x}")
            if opened is not None and opened.is_covered:
                opened.end()
                return
            record = record_from_readable(span)
            record["events"] = [*record.get("events", ()), *logged]
            about_trace = translated(record, self._recorder)
            if opened is not None:
                _place(record, opened)
            if about_trace is not None:
                self._recorder.append({**about_trace, "trace_id": record["trace_id"]})
            if opened is not None and opened.is_ours:
                return
            self._recorder.append(record)
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


def _is_covered(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return bool(covered_scopes) and scope is not None and scope.name in covered_scopes


def _is_our_call(span: otel_trace.Span) -> bool:
    if not isinstance(span, LiveSpan) or span.otel_kind is not SpanKind.CLIENT:
        return False
    return span.get_attribute(MCP_METHOD) is None  # a request to a server of tools


def _id_of(span: otel_trace.Span) -> int:
    return span.get_span_context().span_id


def _are_same(models: set[str] | None, others: set[str] | None) -> bool:
    """Whether two spans may be of one call, by the models that they name."""
    return name_one_model(models or (), others or ())


def _place(record: SpanRecord, opened: _Open) -> None:
    """Put a span that ends below the next one that is not left out, or below its twin."""
    if opened.our_models and _are_same(opened.models(), opened.our_models):
        put_above(record)  # its model was not known yet when ours began
    began_below = parent = opened.parent
    above = opened.above
    while above is not None and above.is_left_out() and not above.is_replaced:
        parent, above = above.parent, above.above
    twin = opened.end()
    if twin is not None and not twin.is_left_out():
        parent = twin.span
    if parent is not began_below and (context := parent.get_span_context()).is_valid:
        record["parent_id"] = f"{context.span_id:016x}"
        record["trace_id"] = f"{context.trace_id:032x}"

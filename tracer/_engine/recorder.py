"""Starts spans, and writes the records of spans and traces to the journal; never raises."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from tracer import _ids
from tracer._engine.context import (
    UNSET,
    about_traces,
    active_model,
    active_run_id,
    running,
    switched_off,
    trace_watch,
    usage_watch,
)
from tracer._engine.nonrecording import NonRecordingSpan, Place
from tracer._engine.span import LiveSpan
from tracer._fault import guard, is_interruption, report, reraise_interruption
from tracer._journal.journal import JournalClosedError
from tracer._json import encode, loads
from tracer._late import load_registered
from tracer._records.line import Started, encode_record, start_body, start_head
from tracer._records.trace_fields import TraceFields
from tracer._redaction.redactor import Redactor, has_failed
from tracer.config import DEFAULT_EXPERIMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracer._engine.context import AnySpan
    from tracer._engine.lifecycle import PipelineLifecycle
    from tracer._engine.otel import OpenTelemetryIdentity
    from tracer._journal.segment import Segment
    from tracer._records.record import AttachmentRecord
    from tracer.config import Settings

_NAMES_REMEMBERED = 1_000
_ENDED_TRACES_REMEMBERED = 100
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")  # None from the end on
_PATIENCE_SECONDS = 1.0  # with another thread that writes ends that were left
_LONG_NS = 1_000_000_000  # a step that is open for longer is written down before it ends


class Recorder:
    """Starts spans, and writes records to the journal."""

    # set by apply(), which the runtime calls before anything is recorded
    recording: bool
    capture_content: bool
    max_value_bytes: int
    reads_later: bool
    redact: Redactor

    def __init__(self, lifecycle: PipelineLifecycle, otel: OpenTelemetryIdentity) -> None:
        self.otel = otel
        self.generation = 0  # counts forks: a span belongs to the process that started it
        self._lifecycle = lifecycle
        self.reset()

    def __reduce__(self) -> tuple[Callable[[], Recorder], tuple[()]]:
        return _of_this_process, ()

    def reset(self) -> None:
        """Forget the last trace, the default version, and whether recording was switched off."""
        self._switched_off = False
        self._trace_fields = TraceFields()  # for processors
        self._belongings: dict[str, dict[str, object]] = {}  # session and user of the last traces
        self.forget_open_steps()
        self._ended_traces: deque[str] = deque(maxlen=_ENDED_TRACES_REMEMBERED)
        self._thread_local = threading.local()
        self.default_model_id: str | None = UNSET  # of contexts in which no version was set
        self.metadata_of_all: dict[str, str] = {}  # of each trace that starts in this process

    def forget_open_steps(self) -> None:
        """Forget the open steps: another process writes them, or none does."""
        self._new_steps: dict[str, LiveSpan] = {}  # that have just started
        # others, which may have ended meanwhile, and whether their values are written
        self._long_steps: list[tuple[weakref.ref[LiveSpan], bool]] = []
        self.unwritten: list[LiveSpan] = []  # that have ended where the stack had no room to write it
        self._writing_ends = threading.RLock()  # of those, and of what was closed: who waits for them has all of them
        # results that are not being read yet, by any key, and the function that ends the call
        self.unread: dict[int, tuple[weakref.ref[Any], Callable[[], None]]] = {}

    def apply(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self._enabled = settings.enabled
        self._active_model = settings.active_model
        self._named_model_id: str | None = None  # of the setting active_model, once the store was asked for it
        self.recording = settings.enabled and not self._switched_off
        self.capture_content = settings.capture_content
        self.max_value_bytes = settings.max_value_bytes
        self.redact = Redactor(settings.redact)
        self._start_bodies: dict[tuple[str, str], bytes] = {}
        self._processors = tuple(settings.span_processors)
        self._has_processors = bool(self._processors) or self.otel.joined is not None
        if self._has_processors:
            from tracer.export.otel import ExportedSpan

            self._exported_span = ExportedSpan
        # requests and replies are read where the span is stored, unless a processor needs the result at once or
        # redaction and missing content take it from the bodies
        self.reads_later = (
            settings.capture_content
            and not settings.redact
            and not settings.span_processors
            and settings.tracer_provider is None
        )
        self._sample_rate = settings.sample_rate
        self._experiment = settings.experiment

    def switch(self, on: bool) -> None:
        """Turn recording on or off; ``enabled=False`` in the settings keeps it off."""
        self._switched_off = not on
        self.recording = self._enabled and on

    def start_span(
        self,
        name: str,
        *,
        span_type: str = "UNKNOWN",
        attributes: Mapping[str, object] | None = None,
        otel_kind: SpanKind = SpanKind.INTERNAL,
        parent: AnySpan | None = None,
        called_in: AnySpan | None = None,
        scope: str = "tracer",
        start_time_ns: int | None = None,
        is_call: bool = False,
    ) -> AnySpan:
        """A started span that is not yet current; never raises.

        It is below the parent if one is given, else below the current span, else below ``called_in``. Of a call to a
        provider, `write_call` writes the start once its request is set.
        """
        if not self.recording:
            return NonRecordingSpan()
        span = None
        is_late = False
        try:
            if parent is None:
                call = attributes if is_call else None
                parent = self.shared_parent(call=call) if self.otel.shares_context else running()
                if parent is None and called_in is not None and not called_in.is_abandoned():
                    parent = called_in
            if parent is None:
                span = self._start_root(name, span_type, otel_kind, scope, start_time_ns)
            elif isinstance(parent, LiveSpan):
                span = LiveSpan(
                    self, name, span_type, parent.trace_id, parent.span_id, otel_kind=otel_kind, scope=scope,
                    start_time_ns=start_time_ns, trace_state=parent._trace_state,
                )  # fmt: skip
                # no open step of this process is above it: nothing else shows that the trace goes on
                is_late = not parent._open or parent.generation != self.generation
            else:
                span = self._start_below_other(parent, name, span_type, otel_kind, scope, start_time_ns)
            if isinstance(span, LiveSpan):
                if attributes:
                    span.set_attributes(attributes)
                if self._has_processors:
                    self._notify_start(span)
                self._new_steps[span.span_id] = span
                if span.is_root or is_late:
                    self._write_start(span, is_call=is_call)
            return span
        except BaseException as error:
            if span is not None and is_interruption(error):
                span.end_with_error(error)  # its start may be in the journal already
            elif span is not None:
                self._new_steps.pop(span.span_id, None)
            report("starting a span", error)
            return NonRecordingSpan()

    def shared_parent(self, *, call: Mapping[str, object] | None = None) -> AnySpan | None:
        """The span that is current for OpenTelemetry, to a call with these attributes; never raises."""
        if switched_off.get():
            return NonRecordingSpan()
        try:
            parent = self.otel.shared_parent(call=call)
            if isinstance(parent, NonRecordingSpan) and not self.samples(parent.trace_id):
                return NonRecordingSpan(parent.trace_id, parent.span_id)
            return parent
        except Exception as error:
            report("looking for the current span", error)
            return None

    def _start_root(
        self, name: str, span_type: str, otel_kind: SpanKind, scope: str, start_time_ns: int | None
    ) -> AnySpan:
        span_id: str | None = None
        if self.otel.joined is not None:
            trace_id, span_id, sampled = self.otel.joined_root(name)
            sampled = sampled and _ids.is_sampled(trace_id, self._sample_rate)
        else:
            trace_id = _ids.trace_id()
            sampled = self.samples(trace_id)
        if not sampled:
            return NonRecordingSpan(trace_id, span_id or _ids.span_id())
        return LiveSpan(
            self, name, span_type, trace_id, None, is_root=True, otel_kind=otel_kind, scope=scope,
            start_time_ns=start_time_ns, span_id=span_id,
        )  # fmt: skip

    def _start_below_other(
        self,
        parent: NonRecordingSpan,
        name: str,
        span_type: str,
        otel_kind: SpanKind,
        scope: str,
        start_time_ns: int | None,
    ) -> AnySpan:
        """A span below one of another process or of the joined provider, or below one that is not recorded."""
        if not parent.sampled:
            return NonRecordingSpan(parent.trace_id, _ids.span_id())
        return LiveSpan(
            self, name, span_type, parent.trace_id, parent.span_id or None, remote_parent=parent.remote,
            is_root=not parent.ours, otel_kind=otel_kind, scope=scope, start_time_ns=start_time_ns,
            trace_state=parent.trace_state, span_id=parent.free_id if isinstance(parent, Place) else None,
        )  # fmt: skip

    def _notify_start(self, span: LiveSpan) -> None:
        for processor in self._all_processors():
            on_start = getattr(processor, "on_start", None)
            if on_start is not None:
                try:
                    on_start(span, otel_context.get_current())
                except Exception as error:
                    report(f"calling on_start of {type(processor).__qualname__}", error)

    def _write_start(self, span: LiveSpan, *, is_call: bool) -> None:
        """Write the start record of a local root, and the trace record if the trace belongs to something."""
        try:
            if not is_call:
                head = start_head(span.trace_id, span.span_id, span.parent_id, span._remote_parent, span.start_time_ns)
                self._append_line(head + self._start_body(span._name, span.span_type))
            if span.is_root:
                self._write_trace_fields(span.trace_id, span.start_time_ns)
        except Exception as error:
            report("writing a span's start down", error)

    def samples(self, trace_id: str) -> bool:
        """Whether a trace of this id is recorded."""
        return self._sample_rate >= 1.0 or _ids.is_sampled(trace_id, self._sample_rate)

    def other_root_started(
        self, trace_id: str, span_id: str, parent_id: str | None, name: str, start_time_ns: int
    ) -> None:
        """Write the start of a span of OpenTelemetry's that has no parent here, and the fields of its trace.

        Never raises.
        """
        try:
            head = start_head(trace_id, span_id, parent_id, parent_id is not None, start_time_ns)
            self._append_line(head + self._start_body(name, "UNKNOWN"))
            self._write_trace_fields(trace_id, start_time_ns)
        except Exception as error:
            report("writing a span's start down", error)

    def other_root_ended(self, trace_id: str) -> None:
        """A span of OpenTelemetry's without a parent in this process has ended: its trace is the last one."""
        self._thread_local.trace_id = trace_id
        self._ended_traces.append(trace_id)

    def write_call(self, span: LiveSpan) -> None:
        """Write the start record of a call with its request, to which the span's record refers; never raises."""
        try:
            head, fields = span.start_line()
            encoded = start_body(*fields)
            redacted = self.redact(encoded)
            written = self._append_line(head + redacted[1:])
            if written is not None and not has_failed(redacted):
                changed = None if redacted == encoded else redacted[1:]
                span.set_started(Started(*written, len(redacted) - 1, fields, changed))
        except Exception as error:
            report("writing a call's start down", error)

    def end_closed(self) -> None:
        """End the calls whose result was closed before its first step, which Python does not report."""
        with guard("ending what was closed"):
            if not self._writing_ends.acquire(timeout=_PATIENCE_SECONDS):
                return
            try:
                for reference, end in list(self.unread.copy().values()):
                    returned = reference()
                    if returned is not None and all(getattr(returned, name, None) is None for name in _FRAMES):
                        end()
            finally:
                self._writing_ends.release()

    def write_open_steps(self) -> bool:
        """Write the start records of steps that have been open for long, with their values; whether any are open.

        Called by the background about once a second. Never raises.
        """
        try:
            before = LiveSpan._tick() - _LONG_NS
            open_steps = [(span, has_values) for step, has_values in self._long_steps if (span := step()) is not None]
            for span_id, span in self._new_steps.copy().items():
                if span._start_tick < before and self._new_steps.pop(span_id, None) is not None:
                    is_written = span._started is not None
                    open_steps.append((span, is_written))
                    if not is_written and not _has_values(span):
                        self._write_long(span)
            self._long_steps = [
                (weakref.ref(span), has_values or self._write_values(span))
                for span, has_values in open_steps
                if span.is_recording()
            ]
        except Exception as error:
            report("writing open steps down", error)
        return bool(self._new_steps or self._long_steps)

    def _write_values(self, span: LiveSpan) -> bool:
        """Write the start of a long step once it has values; whether it has."""
        has_values = _has_values(span)
        if has_values:
            self._write_long(span)
        return has_values

    def _write_long(self, span: LiveSpan) -> None:
        head, (name, span_type, scope, kind, plain, structured) = span.start_line()
        encoded = start_body(name, span_type, scope, kind, plain.copy(), structured.copy())
        self._append_line(head + self.redact(encoded)[1:])

    def _start_body(self, name: str, span_type: str) -> bytes:
        """The body of a start record without values, kept since it is the same for all calls of a step."""
        body = self._start_bodies.get((name, span_type))
        if body is None:
            if len(self._start_bodies) >= _NAMES_REMEMBERED:
                self._start_bodies.clear()
            body = self.redact(encode_record({"name": name, "type": span_type}))[1:]
            self._start_bodies[name, span_type] = body
        return body

    def _write_trace_fields(self, trace_id: str, time_ns: int) -> None:
        """Write the experiment, version and run of a trace that starts here, if it has any."""
        watch = trace_watch.get()
        if watch is not None:
            watch.append(trace_id)
        fields: dict[str, Any] = {"experiment": self._experiment} if self._experiment != DEFAULT_EXPERIMENT else {}
        model_id, run_id = self.active_model_id(), active_run_id()
        if model_id is not None:
            fields["model_id"] = model_id
        if run_id is not None:
            fields["run_id"] = run_id
        if about := about_traces.get():
            fields.update(about)
        if fields:
            self.append({"kind": "trace", "trace_id": trace_id, "time": time_ns, **fields})
        if self.metadata_of_all:
            self.append({"kind": "trace", "trace_id": trace_id, "time": time_ns, "metadata": self.metadata_of_all})

    def active_model_id(self) -> str | None:
        """The version of a trace that starts here."""
        model_id = active_model.get()
        if model_id == UNSET:
            model_id = self.default_model_id
        if model_id == UNSET:
            if self._active_model is None:
                return None
            if self._named_model_id is None:
                self._named_model_id = load_registered("default_model_id")(self._active_model)
            model_id = self._named_model_id
        return model_id

    def span_ended(self, span: LiveSpan) -> None:
        """Write the record of an ended span; never raises."""
        if span.generation != self.generation:
            return  # it was started by the parent process, which writes it
        self._new_steps.pop(span.span_id, None)
        try:
            watch = usage_watch.get()
            if watch is not None and span.token_usage:
                watch.append(span.span_id)
            self._write_end(span, self.redact.redacted)
            if self.unwritten:
                self.write_unwritten(self.redact.redacted, patience=0)
        except RecursionError:
            self.unwritten.append(span)
        except Exception as error:
            report("writing a span down", error)
        if span.is_root:
            self._thread_local.trace_id = span.trace_id
            self._ended_traces.append(span.trace_id)

    def _write_end(self, span: LiveSpan, redact: Callable[[bytes], bytes]) -> None:
        try:
            line = span.line(redact)
        except RecursionError:
            raise
        except Exception as error:
            reraise_interruption(error)
            line = span.line(self.redact)  # without the values that could not be redacted
        if self._has_processors and not span.is_reported:
            span.is_reported = True
            self._notify_end(span, line)
        self._append_line(line, span._started)

    def write_unwritten(
        self, redact: Callable[[bytes], bytes] | None = None, *, patience: float = _PATIENCE_SECONDS
    ) -> None:
        """Write the ends of spans for which there was no room on the stack, as far as there is now; never raises.

        Without ``redact`` those of a function of the user's that recurses without an end too, without their payload.
        Waits for another thread that does the same, as long as the patience lasts.
        """
        if not self._writing_ends.acquire(timeout=patience):
            return  # a function of the user's takes long for one
        try:
            while self.unwritten:
                span = self.unwritten.pop()
                try:
                    if span.generation == self.generation:
                        self._write_end(span, redact or self.redact)
                except RecursionError:
                    self.unwritten.append(span)
                    return
                except Exception as error:
                    report("writing a span down", error)
                    return
        finally:
            self._writing_ends.release()

    def _notify_end(self, span: LiveSpan, line: bytes) -> None:
        exported = self._exported_span(span, line, span._started, self._trace_fields.of(span.trace_id))
        for processor in self._all_processors():
            try:
                on_end = getattr(processor, "on_end", None)
                if on_end is None:
                    processor(span)
                else:
                    on_end(exported)
            except Exception as error:
                report(f"calling {type(processor).__qualname__} at the end of a span", error)

    def _all_processors(self) -> tuple[Any, ...]:
        joined = self.otel.joined
        return self._processors if joined is None else (*self._processors, joined._active_span_processor)

    def append(self, record: Mapping[str, object]) -> None:
        """Write a record (tracer/_records/record.py); never raises."""
        try:
            if record["kind"] == "trace" and ("session_id" in record or "user" in record):
                self._note_belongings(record)
            line = self.redact(encode_record(record))
            if self._has_processors and record["kind"] == "trace":
                self._trace_fields.add(loads(line))
            self._append_line(line)
        except Exception as error:
            report("writing a record down", error)

    def _note_belongings(self, record: Mapping[str, object]) -> None:
        named = {name: record[name] for name in ("session_id", "user") if name in record}
        trace_id = str(record["trace_id"])
        if len(self._belongings) >= _NAMES_REMEMBERED:
            self._belongings.pop(next(iter(self._belongings)), None)
        self._belongings[trace_id] = {**self._belongings.get(trace_id, {}), **named}

    def belongs_to(self, trace_id: str) -> Mapping[str, object]:
        """Session and user of a trace of this process, as far as they are known."""
        return self._belongings.get(trace_id, {})

    def _append_line(self, line: bytes, started: Started | None = None) -> tuple[Segment, int] | None:
        try:
            return (self._lifecycle.current or self._lifecycle.pipeline()).append(line, started)
        except JournalClosedError:  # another thread has just configured another store
            return self._lifecycle.pipeline().append(line, started)

    def holds_secret(self, encoded: bytes) -> bool:
        """Whether redaction would change this JSON object, or fails on it; never raises."""
        try:
            return self.redact(encoded) != encoded
        except Exception as error:
            report("looking for secrets", error)
            return True

    def keep_attachments(self, attachments: list[AttachmentRecord]) -> None:
        """Write binary content that was taken out of a payload."""
        try:
            self._lifecycle.pipeline().keep_attachments(attachments, encode)
        except JournalClosedError:
            self._lifecycle.pipeline().keep_attachments(attachments, encode)

    def last_trace_id(self, thread_local: bool) -> str | None:
        """The trace whose root ended last."""
        if thread_local:
            return getattr(self._thread_local, "trace_id", None)
        return self._ended_traces[-1] if self._ended_traces else None

    def ended_traces(self) -> tuple[str, ...]:
        """The traces whose roots ended last, the last one at the end."""
        return tuple(self._ended_traces)


def _has_values(span: LiveSpan) -> bool:
    return bool(span._plain or span._structured)


def _of_this_process() -> Recorder:
    """The recorder of the process that unpickles a traced function."""
    from tracer._engine.runtime import runtime

    return runtime().recorder

"""Log records of OpenTelemetry's that belong to spans, such as the messages of a model's call: events of those spans.

Nothing is sent anywhere, and other log records are not looked at.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel_trace

from tracer._engine.joined_provider import RECORDED
from tracer._fault import guard
from tracer._json import to_plain
from tracer.dialects.logs import LogReader, known_words
from tracer.otlp.logs import log_of

if TYPE_CHECKING:
    from tracer._engine.recorder import Recorder
    from tracer._json import JsonObject
    from tracer._records.record import EventRecord

_OPEN_SPANS = 10_000  # with log records; of more, and of more in one span, none are kept: they must not fill the memory
_LOGS_OF_SPAN = 1000


class Watched:
    """The providers that are watched already, some of which have no hash."""

    def __init__(self) -> None:
        self._known: list[weakref.ref[Any]] = []

    def add(self, provider: Any) -> bool:
        """Whether it is a new one."""
        if any(known() is provider for known in self._known):
            return False
        self._known.append(weakref.ref(provider))
        return True


class BridgedLogs:
    """Keeps the log records of open spans until these end; those of other spans are records of their own.

    A processor of log records in the sense of OpenTelemetry's SDK, which is not imported for it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watched = Watched()
        self._events: dict[str, list[EventRecord]] = {}  # by the id of the open span
        self.is_open = False

    def watch(self, provider: Any) -> None:
        """Look at the log records of a provider of OpenTelemetry's SDK, or one that takes processors likewise."""
        if hasattr(provider, "add_log_record_processor") and self._watched.add(provider):
            provider.add_log_record_processor(self)

    def take(self, span_id: str) -> list[EventRecord]:
        """Events from log records about a span that ends."""
        return self._events.pop(span_id, [])

    def clear(self) -> None:
        """Forget the events that were kept."""
        self._events.clear()

    def read(self, record: Any, scope: str) -> None:
        """Look at a log record of OpenTelemetry's API or SDK; never raises."""
        if not (self.is_open and self._recorder.recording):
            return
        with guard("reading OpenTelemetry's log record"):
            name = getattr(record, "event_name", None) or (record.attributes or {}).get("event.name")
            if not isinstance(name, str) or name.partition(".")[0] not in known_words():
                return
            span = otel_trace.get_current_span(getattr(record, "context", None))
            current = span.get_span_context()
            trace_id, span_id = record.trace_id or current.trace_id, record.span_id or current.span_id
            if not (trace_id and span_id):
                return
            log = log_of(
                to_plain(dict(record.attributes or {})),
                to_plain(record.body),
                name=name,
                time_ns=record.timestamp or getattr(record, "observed_timestamp", None),
                trace_id=f"{trace_id:032x}",
                span_id=f"{span_id:016x}",
                scope=scope,
            )
            if log is not None:
                will_end = current.span_id == span_id and getattr(span, RECORDED, False) and span.is_recording()
                for found in LogReader().records(log):
                    self._keep(found, log.span_id if will_end else "")

    def _keep(self, record: JsonObject, open_span: str) -> None:
        if record["span_id"] == open_span and "event" in record:
            events = self._events.get(open_span)
            if events is None and len(self._events) < _OPEN_SPANS:
                events = self._events[open_span] = []
            if events is not None and len(events) < _LOGS_OF_SPAN:
                events.append(record["event"])
        elif self._recorder.capture_content and self._recorder.samples(record["trace_id"]):
            self._recorder.append(record)

    # ---- called by OpenTelemetry ----

    def on_emit(self, log_record: Any) -> None:
        """A log record is made."""
        scope = getattr(log_record, "instrumentation_scope", None)
        self.read(log_record.log_record, getattr(scope, "name", "") or "")

    emit = on_emit  # its name before 1.35

    def enabled(self, *, event_name: str | None = None, **_: object) -> bool:
        """Whether a log record would be looked at."""
        return self.is_open and event_name is not None and event_name.partition(".")[0] in known_words()

    def shutdown(self) -> None:
        """Do nothing: the recorder has an end of its own."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do nothing: recorded events are written already."""
        return True

"""The span that is being recorded: an OpenTelemetry Span and ReadableSpan with a lean life.

Longer than other files: it is one class, and OpenTelemetry asks for all of its methods.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace import Span as OpenTelemetrySpan

from tracer import _ids
from tracer._encoding.shown import is_short
from tracer._encoding.text import cut_text, text_of
from tracer._engine.coercion import event_value, ignored, mapping, nanoseconds, too_late
from tracer._engine.context import Attachable, current
from tracer._engine.exceptions import ending_of, event_attributes, message_of, type_name
from tracer._fault import log_once, report
from tracer._json import (
    JsonMapping,
    JsonObject,
    cut,
    encode,
    encode_within,
    is_short_list,
    loads,
)
from tracer._records.attachments import take_out
from tracer._records.derive import chunk_events, derive
from tracer._records.line import span_body, span_head, start_head
from tracer._records.other_keys import answer, set_under_own
from tracer.semconv import (
    ERROR_TYPE,
    INCOMPLETE,
    INPUTS,
    OUTPUTS,
    SPAN_TYPE,
    TOKEN_USAGE,
    TRUNCATED,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from tracer._engine.recorder import Recorder
    from tracer._records.line import Started, StartFields
    from tracer._records.record import ChunksRecord


_ATTRIBUTES_LIMIT = 1_000
_EVENTS_LIMIT = 2_000
_LINKS_LIMIT = 128
_EVENT_CONTENT_KEPT = frozenset({"exception.type"})
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_STATUS_CODES = {"UNSET": StatusCode.UNSET, "OK": StatusCode.OK, "ERROR": StatusCode.ERROR}


class LiveSpan(Attachable, OpenTelemetrySpan, ReadableSpan):
    """A step that is being recorded; its record is written when it ends."""

    __slots__ = (
        "_attached",
        "_chunks",
        "_dropped_attributes",
        "_dropped_events",
        "_links",
        "_message",
        "_name",
        "_open",
        "_plain",
        "_previous",
        "_recorded_events",
        "_recorder",
        "_remote_parent",
        "_scope",
        "_start_tick",
        "_started",
        "_status_name",
        "_structured",
        "_trace_state",
        "block",
        "end_time_ns",
        "generation",
        "is_reported",
        "is_root",
        "otel_kind",
        "parent_id",
        "reader",
        "span_id",
        "span_type",
        "start_time_ns",
        "trace_id",
    )

    _tick = staticmethod(time.perf_counter_ns)  # here, where freezegun, which searches modules, leaves the real one

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        span_type: str,
        trace_id: str,
        parent_id: str | None,
        *,
        remote_parent: bool = False,
        is_root: bool = False,
        otel_kind: SpanKind = SpanKind.INTERNAL,
        scope: str = "tracer",
        start_time_ns: int | None = None,
        span_id: str | None = None,
        trace_state: TraceState | None = None,
    ) -> None:
        self._recorder = recorder
        self.generation = recorder.generation
        self._name = name
        self.span_type = span_type
        self.trace_id = trace_id
        self.span_id = span_id or _ids.span_id()
        self.parent_id = parent_id
        self._remote_parent = remote_parent
        self.is_root = is_root  # the first span of its trace in this process
        self.reader: str | None = None  # of inputs and outputs, used later (tracer/_records/derive.py)
        self.otel_kind = otel_kind
        self._scope = scope
        self._trace_state = trace_state
        self._plain: JsonObject = {}
        self._structured: dict[str, bytes] = {}
        self._started: Started | None = None  # has values that are not here
        self._chunks: ChunksRecord | None = None
        self._recorded_events: list[tuple[str, int, JsonObject | None]] = []
        self._links: list[Link] = []
        self._status_name = "UNSET"
        self._message: str | None = None
        self._dropped_attributes = 0
        self._dropped_events = 0
        self._attached = []
        self._previous = self.block = None
        self.is_reported = False  # whether processors were called for its end
        self._open = [True]  # popping is atomic: the first to end the span wins
        self.end_time_ns: int | None = None
        if start_time_ns is None:
            # the end is the start plus a monotonic difference, so that no clock set back makes negative durations
            self._start_tick = self._tick()
            self.start_time_ns = time.time_ns()
        else:
            self._start_tick = self._tick() - max(0, time.time_ns() - start_time_ns)
            self.start_time_ns = start_time_ns

    # ---- recording ----

    def set_attribute(self, key: str, value: Any) -> None:
        """Record a value under a key; values without an OpenTelemetry type are kept as JSON, None is ignored."""
        if not self._open:
            too_late("set_attribute", self._name)
            return
        kind = type(value)
        if kind is str:
            if len(value) > self._recorder.max_value_bytes:
                self._note_cut(key, len(value))
                value = cut_text(value, self._recorder.max_value_bytes)
        elif kind is not int and kind is not float and kind is not bool:
            if value is None:
                return
            if kind in (list, tuple) and is_short_list(value, self._recorder.max_value_bytes):
                value = list(value)
            elif issubclass(kind, str):
                self.set_attribute(key, str.__str__(value))
                return
            else:
                if not set_under_own(self, key, value):
                    self._set_structured(key, value)
                return
        plain = self._plain
        if key == SPAN_TYPE:
            self.span_type = text_of(value)
        elif len(plain) < _ATTRIBUTES_LIMIT or key in plain:
            plain[key] = value
            if self._structured:
                self._structured.pop(key, None)
        else:
            self._dropped_attributes += 1

    def set_attributes(self, attributes: JsonMapping) -> None:
        """Record several values."""
        attributes = mapping(attributes, "set_attributes")
        plain, limit = self._plain, self._recorder.max_value_bytes
        is_easy = self._open and not self._structured and len(plain) + len(attributes) <= _ATTRIBUTES_LIMIT
        for key, value in attributes.items():
            kind = type(value)
            # nearly all attributes, without a call for each
            is_simple = (kind is str and len(value) <= limit) or kind is int or kind is float or kind is bool
            if is_easy and is_simple and key != SPAN_TYPE:
                plain[key] = value
            else:
                self.set_attribute(key, value)

    def set_json(self, key: str, value: object) -> bool:
        """Record content as JSON, as it is now, unless ``capture_content`` is off; later changes have no effect.

        True if the whole value was recorded: not cut, and with no attachment taken out.
        """
        return self._open != [] and self._recorder.capture_content and self._set_structured(key, value)

    def within_bounds(self, key: str, value: object) -> Any:
        """The value where it is plain and small enough for the attribute, else a plain copy of the part that fits."""
        limit = self._recorder.max_value_bytes
        if is_short(value, limit):
            return value
        encoded, size, _ = encode_within(value, limit)
        if size:
            self._note_cut(key, size)
        return loads(encoded)

    def _set_structured(self, key: str, value: object) -> bool:
        try:
            return self._set_encoded(key, value, *encode_within(value, self._recorder.max_value_bytes))
        except Exception as error:
            report(f"encoding {key}", error)
            return False

    def _set_encoded(self, key: str, value: object, given: bytes, size: int, has_long_texts: bool) -> bool:
        """Keep a value that is encoded; ``value`` is for cutting it, None where it has to be read first."""
        limit = self._recorder.max_value_bytes
        encoded = self.without_attachments(given) if has_long_texts else given
        is_whole = not size and encoded is given
        if len(encoded) > limit:
            encoded, size = cut(loads(given) if value is None else value, limit, len(encoded))
            is_whole = False
        if size:
            self._note_cut(key, size)
        if len(self._structured) >= _ATTRIBUTES_LIMIT and key not in self._structured:
            self._dropped_attributes += 1
            return False
        self._plain.pop(key, None)
        self._structured[key if type(key) is str else str(key)] = encoded
        return is_whole

    @property
    def captures_content(self) -> bool:
        """Whether prompts and replies are recorded, as opposed to structure, tokens and times alone."""
        return self._recorder.capture_content

    def without_attachments(self, encoded: bytes) -> bytes:
        """JSON with references in the place of base64 content, which is recorded as attachments."""
        encoded, attachments = take_out(encoded, self._recorder.redact)
        if attachments:
            self._recorder.keep_attachments(attachments)
        return encoded

    def _note_cut(self, key: str, size: int) -> None:
        self._take_back()
        cuts = loads(self._structured[TRUNCATED]) if TRUNCATED in self._structured else {}
        self._structured[TRUNCATED] = encode({**cuts, key: size})
        log_once(
            "cut",
            "tracer cut %s: one value may have max_value_bytes=%s, and some 32,000 items",
            key,
            self._recorder.max_value_bytes,
        )

    def set_inputs(self, inputs: object) -> None:
        """Record the step's inputs."""
        if not self._open:
            too_late("set_inputs", self._name)
        self.set_json(INPUTS, inputs)

    def set_outputs(self, outputs: object) -> None:
        """Record the step's outputs."""
        if not self._open:
            too_late("set_outputs", self._name)
        self.set_json(OUTPUTS, outputs)

    def set_json_list(self, items: Sequence[bytes]) -> None:
        """Record a list as the step's outputs whose items are JSON already."""
        if self._open and self._recorder.capture_content:
            self._set_encoded(OUTPUTS, None, b"[%b]" % b",".join(items), 0, True)

    def set_span_type(self, span_type: str) -> None:
        """Set the kind of step: a SpanType or any string."""
        self.span_type = text_of(span_type)

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        if self._open:
            self._name = text_of(name)

    def add_event(self, name: object, attributes: JsonMapping | None = None, timestamp: int | None = None) -> None:
        """Record an event, now or at ``timestamp`` (ns since the epoch)."""
        if not self._open:
            too_late("add_event", self._name)
            return
        if not isinstance(name, str):  # an event object with name, attributes and timestamp
            attributes, timestamp = getattr(name, "attributes", None), getattr(name, "timestamp", None)
            name = text_of(getattr(name, "name", name))
        if len(self._recorded_events) >= _EVENTS_LIMIT:
            self._dropped_events += 1
            return
        if attributes is not None:
            attributes = mapping(attributes, "the attributes of add_event")
        if attributes and not self._recorder.capture_content:
            attributes = {key: value for key, value in attributes.items() if key in _EVENT_CONTENT_KEPT}
        limit = self._recorder.max_value_bytes
        kept = {text_of(key): event_value(value, limit) for key, value in attributes.items()} if attributes else None
        self._recorded_events.append((name, nanoseconds(timestamp, "timestamp") or self.now_ns(), kept))

    def now_ns(self) -> int:
        """This moment in ns since the epoch, by the span's own clock, which cannot be set."""
        return self.start_time_ns + self._tick() - self._start_tick

    def clock(self) -> tuple[Callable[[], int], int]:
        """The span's own clock, which cannot be set: a counter of ns, and the ns since the epoch at which it was 0."""
        return self._tick, self.start_time_ns - self._start_tick

    def set_chunks(self, chunks: ChunksRecord) -> None:
        """Record the chunks of a stream, one event each, in a compact form that is cheap for a thousand of them."""
        if self._open:
            self._chunks = chunks if self._recorder.capture_content else {"after": chunks["after"]}

    def add_link(self, context: SpanContext, attributes: JsonMapping | None = None) -> None:
        """Point to a span of another trace."""
        if not hasattr(context, "trace_id"):
            ignored("add_link", context, "an opentelemetry.trace.SpanContext")
        elif self._open and len(self._links) < _LINKS_LIMIT:
            self._links.append(Link(context, dict(mapping(attributes or {}, "the attributes of add_link"))))

    def set_status(self, status: Status | StatusCode | str, description: str | None = None) -> None:
        """Set the status: "OK", "ERROR" with a description, or "UNSET"."""
        if not self._open:
            too_late("set_status", self._name)
            return
        if isinstance(status, Status):
            description = status.description
            status = status.status_code
        elif not description:  # the status of a stored span has a description too
            description = getattr(status, "description", None)
        name = status.name if isinstance(status, StatusCode) else text_of(status).upper()
        if name not in _STATUS_CODES:
            ignored("set_status", status, '"OK", "ERROR" or "UNSET"')
            return
        if self._status_name == "OK" and name == "UNSET":
            return
        self._status_name = name
        self._message = (
            text_of(description) if description and name == "ERROR" and self._recorder.capture_content else None
        )

    def record_exception(
        self,
        exception: BaseException,
        attributes: JsonMapping | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Record an exception as an event, with its stack; the status stays as it is."""
        message = message_of(exception) if self._recorder.capture_content else None
        self._add_exception(exception, message, attributes, timestamp, escaped)

    def _add_exception(
        self,
        exception: BaseException,
        message: str | None,
        attributes: JsonMapping | None = None,
        timestamp: int | None = None,
        escaped: bool = True,
    ) -> None:
        about = event_attributes(exception, message)
        more = mapping(attributes or {}, "the attributes of record_exception")
        self.add_event("exception", {**about, "exception.escaped": escaped, **more}, timestamp)

    def set_error(self, error: BaseException) -> None:
        """Record the exception that ended the step, as an error, a cancellation or an early close."""
        if not self._open:
            return
        is_error, ending = ending_of(error)
        if ending is not None:
            self._plain[INCOMPLETE] = ending
        if not is_error and ending != "cancelled":
            return
        message = message_of(error) if self._recorder.capture_content else None
        self._add_exception(error, message)
        if is_error:
            self._plain.setdefault(ERROR_TYPE, type_name(error))
            self.set_status("ERROR", f"{type(error).__qualname__}: {message}")

    # ---- reading ----

    def read_now(self) -> None:
        """Read inputs and outputs now where that was deferred."""
        self._take_back()
        reader, self.reader = self.reader, None
        if reader is None:
            return
        bodies = {key: loads(self._structured[key]) for key in (INPUTS, OUTPUTS) if key in self._structured}
        others = {key: None for key in self._structured if key not in bodies}
        record: JsonObject = {"reader": reader, "attributes": self._plain, "json": {**bodies, **others}}
        derive(record)
        for key, value in record["json"].items():
            if value is not None and key not in bodies:
                self._set_structured(key, value)
        if "status" in record:
            self._status_name, self._message = record["status"], record["message"]

    @property
    def name(self) -> str:
        """The span's name."""
        return self._name

    @property
    def inputs(self) -> Any:
        """The recorded inputs of the step."""
        return self.get_attribute(INPUTS)

    @property
    def outputs(self) -> Any:
        """The recorded outputs of the step."""
        return self.get_attribute(OUTPUTS)

    def get_attribute(self, key: str) -> Any:
        """The value under a key, structured values as dicts and lists; None where there is none."""
        self.read_now()
        if key in self._structured:
            return loads(self._structured[key])
        if key in self._plain:
            return self._plain[key]
        return self.span_type if key == SPAN_TYPE else answer(self, key)

    @property
    def request_id(self) -> str:
        """The id of its trace."""
        return self.trace_id

    @property
    def token_usage(self) -> dict[str, int] | None:
        """Tokens of this span's call, by the names of ``trace.info.token_usage``; None if it used none."""
        self.read_now()
        usage = {name: self._plain[key] for name, key in TOKEN_USAGE.items() if key in self._plain}
        if usage and "total_tokens" not in usage:
            usage["total_tokens"] = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
        return usage or None

    @property
    def attributes(self) -> JsonObject:
        """Everything recorded, in OpenTelemetry's types: structured values are JSON text."""
        self.read_now()
        structured = {key: value.decode() for key, value in self._structured.items()}
        return {SPAN_TYPE: self.span_type, **self._plain, **structured}

    @property
    def events(self) -> Sequence[Event]:
        """Events of the span, the chunks of a stream among them."""
        recorded = [Event(name, attributes, time) for name, time, attributes in self._recorded_events]
        if self._chunks is None:
            return tuple(recorded)
        events = chunk_events(self._chunks, self.start_time_ns)
        chunks = [Event(e["name"], e.get("attributes"), e["time"]) for e in events]
        return tuple(sorted([*recorded, *chunks], key=lambda event: event.timestamp))

    @property
    def links(self) -> Sequence[Link]:
        """Spans of other traces that this one points to."""
        return tuple(self._links)

    @property
    def status(self) -> Status:
        """The outcome of the step, as OpenTelemetry's Status."""
        return Status(_STATUS_CODES[self._status_name], self._message)

    @property
    def start_time(self) -> int:
        """Start in ns since the epoch."""
        return self.start_time_ns

    @property
    def end_time(self) -> int | None:
        """End in ns since the epoch; None while the span is open."""
        return self.end_time_ns

    @property
    def kind(self) -> SpanKind:
        """OpenTelemetry's kind: INTERNAL, CLIENT, …"""
        return self.otel_kind

    @property
    def context(self) -> SpanContext:
        """The span's identity in OpenTelemetry's types."""
        return SpanContext(int(self.trace_id, 16), int(self.span_id, 16), False, _SAMPLED, self._trace_state)

    def get_span_context(self) -> SpanContext:
        """The span's identity in OpenTelemetry's types."""
        return self.context

    @property
    def parent(self) -> SpanContext | None:
        """The parent's identity in OpenTelemetry's types."""
        if self.parent_id is None:
            return None
        return SpanContext(int(self.trace_id, 16), int(self.parent_id, 16), self._remote_parent, _SAMPLED)

    @property
    def resource(self) -> Resource:
        """The service and SDK that recorded the span."""
        return self._recorder.otel.resource()

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """The part of tracer that recorded the span."""
        return self._recorder.otel.scope(self._scope)

    @property
    def instrumentation_info(self) -> None:
        """Superseded in OpenTelemetry by the instrumentation scope."""
        return None

    @property
    def dropped_attributes(self) -> int:
        """Attributes left out because there were too many."""
        return self._dropped_attributes

    @property
    def dropped_events(self) -> int:
        """Events left out because there were too many."""
        return self._dropped_events

    @property
    def dropped_links(self) -> int:
        """Links left out: none."""
        return 0

    def to_json(self, indent: int | None = 4) -> str:
        """The span as OpenTelemetry's SDK prints it."""
        return str(self._readable_span().to_json(indent))

    def _readable_span(self) -> ReadableSpan:
        """A finished copy, for the SDK's processors."""
        return ReadableSpan(
            name=self._name,
            context=self.context,
            parent=self.parent,
            resource=self.resource,
            attributes=self.attributes,
            events=self.events,
            links=self.links,
            kind=self.otel_kind,
            status=self.status,
            start_time=self.start_time_ns,
            end_time=self.end_time_ns,
            instrumentation_scope=self.instrumentation_scope,
        )

    def start_line(self) -> tuple[bytes, StartFields]:
        """The head of the start's record, and the values of its body."""
        head = start_head(
            self.trace_id, self.span_id, self.parent_id, self._remote_parent, self.start_time_ns, self.reader
        )
        kind = None if self.otel_kind is SpanKind.INTERNAL else self.otel_kind.value
        return head, (self._name, self.span_type, self._scope, kind, self._plain, self._structured)

    def set_started(self, started: Started) -> None:
        """Leave values of the start's record out of the end's; not while another thread sets values."""
        self._started = started  # first: an exception of a signal handler in between loses nothing
        self._plain, self._structured = {}, {}

    def _take_back(self) -> None:
        """Have all values here: they are read, or change in a way that the end's record has to show."""
        if self._started is not None:
            *_, plain, structured = self._started.fields
            new_plain, new_structured = self._plain, self._structured
            self._plain = {key: plain[key] for key in plain if key not in new_structured} | new_plain
            self._structured = {key: structured[key] for key in structured if key not in new_plain} | new_structured
            self._started = None

    def line(self, redact: Callable[[bytes], bytes]) -> bytes:
        """The record of the ended span."""
        started, reader = self._started, self.reader
        name: str | None = self._name
        span_type: str | None = self.span_type
        scope: str | None = self._scope
        kind = None if self.otel_kind is SpanKind.INTERNAL else self.otel_kind.value
        if started is not None:
            name = None if name == started.fields[0] else name
            span_type = None if span_type == started.fields[1] else span_type
            scope = kind = None
        if not reader and (started is not None or self._chunks is not None):
            reader = ""
        head = span_head(
            self.trace_id, self.span_id, self.parent_id, reader, self.start_time_ns, self.end_time_ns, started
        )
        body = span_body(
            name,
            span_type,
            self._status_name,
            self._message,
            scope,
            self._remote_parent,
            kind,
            self._plain,
            self._structured,
            self._recorded_events,
            self._chunks,
            self._links,
            self._trace_state,
            self._dropped_attributes,
            self._dropped_events,
        )
        return head + redact(body)[1:]

    # ---- start and end ----

    def attach(self) -> None:
        """Make this the current span of the running context."""
        otel = self._recorder.otel
        self._previous = current.get()
        self._attached.append((current.set(self), otel.attach(self) if otel.shares_context else None))

    def end(
        self,
        end_time: int | None = None,
        *,
        outputs: object = None,
        attributes: JsonMapping | None = None,
        status: Status | StatusCode | str | None = None,
        end_time_ns: int | None = None,
    ) -> None:
        """End the span and write its record; only the first call counts.

        ``end_time`` and ``end_time_ns`` are the same, in ns since the epoch.
        """
        if attributes is not None:
            self.set_attributes(attributes)
        if end_time is None:
            end_time = end_time_ns
        if outputs is not None:
            self.set_outputs(outputs)
        if status is not None:
            self.set_status(status)
        ended_at = self.start_time_ns + self._tick() - self._start_tick
        if end_time is not None:
            ended_at = self._checked_end(end_time, ended_at)
        if ended_at < self.start_time_ns:  # tracer was imported while the clock was a fake one
            ended_at = self.start_time_ns
        try:
            try:
                self._open.pop()
            except IndexError:
                return
            self.end_time_ns = ended_at
            self._recorder.span_ended(self)
        except RecursionError:  # a recursion ran out of stack below this step: the next step that ends writes it
            self._open.clear()
            self.end_time_ns = ended_at
            self._recorder.unwritten.append(self)
        except BaseException:  # Ctrl-C in the middle: first the span is written, if need be again
            self._open.clear()
            self.end_time_ns = self.end_time_ns or ended_at
            self._recorder.span_ended(self)
            raise

    def _checked_end(self, given: object, now: int) -> int:
        """The given end if it is a valid one, else ``now``."""
        ended_at = nanoseconds(given, "end_time")
        if ended_at is not None and ended_at < self.start_time_ns:
            ignored("end_time", given, "a time after the span's start")
            ended_at = None
        return now if ended_at is None else ended_at

    def end_with_error(self, error: BaseException) -> None:
        """End the span with the exception that ended its step."""
        try:
            self.set_error(error)
        except RecursionError:  # no room on the stack for more
            self._status_name = "ERROR"
            self._plain[ERROR_TYPE] = self._message = type(error).__name__
        finally:
            self.end()

    def is_recording(self) -> bool:
        """Whether the span is still open."""
        return bool(self._open)

    def __copy__(self) -> LiveSpan:
        return self

    def __deepcopy__(self, memo: object) -> LiveSpan:
        return self  # a step runs once: a copy of a state that holds its span means the same step

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a span that is being recorded cannot be pickled; send"
            " tracer.get_tracing_context_headers_for_http_request() and continue the trace with"
            " tracer.set_tracing_context_from_http_request_headers(headers)"
        )

    def __enter__(self) -> LiveSpan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.end_with_error(error)
        else:
            self.end()

    def __repr__(self) -> str:
        return f"LiveSpan(name={self._name!r}, trace_id={self.trace_id!r}, span_id={self.span_id!r})"

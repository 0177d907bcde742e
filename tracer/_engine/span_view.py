"""What can be read of a span that is being recorded: by its user, by OpenTelemetry's processors, and for its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace import Span as OpenTelemetrySpan

from tracer._engine.events import event_record, link_record
from tracer._json import loads
from tracer._records.derive import chunk_events, derive
from tracer.semconv import INPUTS, OUTPUTS, SPAN_TYPE, TOKEN_USAGE

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from tracer._engine.span import LiveSpan
    from tracer._records.record import AttachmentRecord, ChunksRecord

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
STATUS_CODES = {"UNSET": StatusCode.UNSET, "OK": StatusCode.OK, "ERROR": StatusCode.ERROR}


class Recorder(Protocol):
    """What a span needs of the runtime."""

    capture_content: bool
    max_value_bytes: int
    generation: int
    joined: Any

    def span_ended(self, span: LiveSpan) -> None: ...
    def keep_attachments(self, attachments: list[AttachmentRecord]) -> None: ...
    def resource(self) -> Resource: ...
    def scope(self, name: str) -> InstrumentationScope: ...
    def otel_attach(self, span: OpenTelemetrySpan) -> object: ...
    def otel_detach(self, token: object) -> None: ...


class SpanView(ReadableSpan):
    """A live span as it is read; LiveSpan says how it is written."""

    __slots__ = ()

    _chunks: ChunksRecord | None
    _dropped_attributes: int
    _dropped_events: int
    _happened: list[tuple[str, int, dict[str, Any] | None]]
    _links: list[Link]
    _message: str | None
    _name: str
    _plain: dict[str, Any]
    _remote_parent: bool
    _rt: Recorder
    _scope: str
    _status_name: str
    _structured: dict[str, bytes]
    _trace_state: TraceState | None
    end_time_ns: int | None
    otel_kind: SpanKind
    parent_id: str | None
    reader: str | None
    span_id: str
    span_type: str
    start_time_ns: int
    trace_id: str

    def _set_structured(self, key: str, value: Any) -> bool:
        raise NotImplementedError

    def read_now(self) -> None:
        """Read now what inputs and outputs say, where that was left for later."""
        reader, self.reader = self.reader, None
        if reader is None:
            return
        bodies = {key: loads(self._structured[key]) for key in (INPUTS, OUTPUTS) if key in self._structured}
        others = {key: None for key in self._structured if key not in bodies}
        record: dict[str, Any] = {"reader": reader, "attributes": self._plain, "json": {**bodies, **others}}
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
        """What the step was given, as it was recorded."""
        return self.get_attribute(INPUTS)

    @property
    def outputs(self) -> Any:
        """What the step gave back, as it was recorded."""
        return self.get_attribute(OUTPUTS)

    def get_attribute(self, key: str) -> Any:
        """The value under a key, structured values as dicts and lists; None where there is none."""
        self.read_now()
        if key in self._structured:
            return loads(self._structured[key])
        return self.span_type if key == SPAN_TYPE else self._plain.get(key)

    @property
    def token_usage(self) -> dict[str, int] | None:
        """Tokens of this span's call, by the names of ``trace.info.token_usage``; None if it used none."""
        self.read_now()
        usage = {name: self._plain[key] for name, key in TOKEN_USAGE.items() if key in self._plain}
        if usage and "total_tokens" not in usage:
            usage["total_tokens"] = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
        return usage or None

    @property
    def attributes(self) -> dict[str, Any]:
        """Everything recorded, in OpenTelemetry's types: structured values are JSON text."""
        self.read_now()
        structured = {key: value.decode() for key, value in self._structured.items()}
        return {SPAN_TYPE: self.span_type, **self._plain, **structured}

    @property
    def events(self) -> Sequence[Event]:
        """What happened during the span."""
        happened = [Event(name, attributes, time) for name, time, attributes in self._happened]
        if self._chunks is None:
            return tuple(happened)
        events = chunk_events(self._chunks, self.start_time_ns)
        chunks = [Event(e["name"], e.get("attributes"), e["time"]) for e in events]
        return tuple(sorted([*happened, *chunks], key=lambda event: event.timestamp))

    @property
    def links(self) -> Sequence[Link]:
        """Spans of other traces that this one points to."""
        return tuple(self._links)

    @property
    def status(self) -> Status:
        """How the step went, as OpenTelemetry's Status."""
        return Status(STATUS_CODES[self._status_name], self._message)

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

    @property
    def parent(self) -> SpanContext | None:
        """The parent's identity in OpenTelemetry's types."""
        if self.parent_id is None:
            return None
        return SpanContext(int(self.trace_id, 16), int(self.parent_id, 16), self._remote_parent, _SAMPLED)

    @property
    def resource(self) -> Resource:
        """What the span was recorded by: service, SDK."""
        return self._rt.resource()

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Which part of tracer recorded it."""
        return self._rt.scope(self._scope)

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
        """A finished copy; the SDK's processors ask for it."""
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

    def head(self) -> str:
        """The start of the span's record: who and when, which needs no redaction."""
        parent = "" if self.parent_id is None else f',"parent_id":"{self.parent_id}"'
        is_short = self.reader is not None or self._chunks is not None
        reader = f',"reader":"{self.reader or ""}"' if is_short else ""
        return (
            f'{{"kind":"span","trace_id":"{self.trace_id}","span_id":"{self.span_id}"{parent}{reader},'
            f'"start":{self.start_time_ns},"end":{self.end_time_ns},'
        )

    def body(self, structured: Callable[[bytes], Any]) -> dict[str, Any]:
        """The rest of the record (_records/record.py); ``structured`` makes a value of a structured one's JSON."""
        record: dict[str, Any] = {
            "name": self._name,
            "type": self.span_type,
            "status": self._status_name,
            "scope": self._scope,
        }
        if self._remote_parent:
            record["remote_parent"] = True
        if self._message is not None:
            record["message"] = self._message
        if self.otel_kind is not SpanKind.INTERNAL:
            record["otel_kind"] = self.otel_kind.value
        if self._plain:
            record["attributes"] = self._plain
        if self._structured:
            record["json"] = {key: structured(value) for key, value in self._structured.items()}
        if self._happened:
            record["events"] = [event_record(*event) for event in self._happened]
        if self._chunks is not None:
            record["chunks"] = self._chunks
        if self._links:
            record["links"] = [link_record(link) for link in self._links]
        if self._trace_state:
            record["trace_state"] = self._trace_state.to_header()
        if self._dropped_attributes or self._dropped_events:
            record["dropped"] = {"attributes": self._dropped_attributes, "events": self._dropped_events}
        return record

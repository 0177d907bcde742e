"""Spans for OpenTelemetry: records from the journal as ReadableSpans, any SpanExporter as a sink, and ended spans."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from tracer._fault import report
from tracer._json import JsonMapping, JsonObject
from tracer._records.derive import record_of
from tracer._records.exported import exported_attributes
from tracer._records.line import self_contained
from tracer._records.trace_fields import TraceFields

if TYPE_CHECKING:
    from tracer._records.line import Started

_OWNERS_REMEMBERED = 64
_SECRETS_OF_URL = re.compile(r"(?<=//)[^/@]*@|\?.*")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def readable_span(record: JsonObject, resource: Resource, about_trace: JsonMapping, *, is_root: bool) -> ReadableSpan:
    """A span record as a span for OpenTelemetry's exporters.

    A root carries all that its trace belongs to, any other span session and user.
    """
    others = ([about_trace] if about_trace else []) if is_root else None
    trace_id = int(record["trace_id"], 16)
    state = TraceState.from_header([record["trace_state"]]) if record.get("trace_state") else None
    parent_id = record.get("parent_id")
    parent = None
    if parent_id:
        parent = SpanContext(trace_id, int(parent_id, 16), bool(record.get("remote_parent")), _SAMPLED)
    return ReadableSpan(
        name=record["name"],
        context=SpanContext(trace_id, int(record["span_id"], 16), False, _SAMPLED, state),
        parent=parent,
        resource=resource,
        attributes=exported_attributes(record, about_trace, others),
        events=[Event(e["name"], e.get("attributes"), e["time"]) for e in record.get("events", ())],
        links=[_link(link) for link in record.get("links", ())],
        kind=SpanKind(record.get("otel_kind", SpanKind.INTERNAL.value)),
        status=Status(StatusCode[record.get("status", "UNSET")], record.get("message")),
        start_time=record["start"],
        end_time=record["end"],
        instrumentation_scope=InstrumentationScope(record.get("scope", "tracer")),
    )


def _link(link: JsonObject) -> Link:
    return Link(SpanContext(int(link["trace_id"], 16), int(link["span_id"], 16), True), link.get("attributes"))


class ExporterSink:
    """An OpenTelemetry SpanExporter, fed from the journal."""

    may_block = True

    def __init__(self, exporter: Any, index: int) -> None:
        kind = type(exporter)
        # its destination is part of its identity: records of a program must never reach another program's backend
        place = _SECRETS_OF_URL.sub("", str(getattr(exporter, "_endpoint", "")))
        self.name = f"exporter {index} {kind.__module__}.{kind.__qualname__} {place}".rstrip()
        self._exporter = exporter
        self._resources: dict[str | None, Resource] = {}
        self._fields = TraceFields()

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Export the spans among the records; raises if the exporter fails."""
        spans = []
        for line in lines:
            try:
                record = record_of(line)
                if record["kind"] == "process":
                    self._remember(owner, Resource(record.get("resource", {})))
                elif record["kind"] == "trace":
                    self._fields.add(record)
                elif record["kind"] == "span":
                    about_trace = self._fields.of(record["trace_id"])
                    is_root = not record.get("parent_id") or bool(record.get("remote_parent"))
                    resource = self._resources.get(owner) or Resource({})
                    spans.append(readable_span(record, resource, about_trace, is_root=is_root))
            except Exception as error:
                report("reading a record for an exporter", error)
        if spans:
            self._export(spans)

    def _remember(self, owner: str | None, resource: Resource) -> None:
        if len(self._resources) >= _OWNERS_REMEMBERED:
            _, *dead = self._resources  # the first is this process; the others come with every batch
            for other in dead:
                del self._resources[other]
        self._resources[owner] = resource

    def _export(self, spans: list[ReadableSpan]) -> None:
        from opentelemetry.context import attach, detach, set_value
        from opentelemetry.sdk.trace.export import SpanExportResult

        # calls of the exporter itself, as of an instrumented HTTP client, must not be traced in turn
        token = attach(set_value("suppress_instrumentation", True))
        try:
            result = self._exporter.export(spans)
        finally:
            detach(token)
        if result is not SpanExportResult.SUCCESS and result is not None:
            raise ConnectionError(f"{type(self._exporter).__qualname__} reports that the export failed")

    def shutdown(self) -> None:
        """Let the exporter close its connections."""
        self._exporter.shutdown()


class ExportedSpan(ReadableSpan):
    """One of our spans that has ended, for processors of OpenTelemetry's: as it is stored, redacted.

    Each field is made when it is first looked at, by an exporter in a thread of its own. What OpenTelemetry has no name
    for is the live span's.
    """

    def __init__(self, span: Any, line: bytes, started: Started | None, about_trace: JsonMapping) -> None:
        self._live = span
        self._line = line
        self._started = started
        self._about_trace = about_trace
        self._context = span.context  # at once: every processor looks at it

    def __getattr__(self, name: str) -> Any:
        fields = vars(self)
        if name in _OF_LIVE:
            fields[name] = getattr(self._live, name[1:])
        elif name in _OF_RECORD:
            fields.update(self._read())
        elif name.startswith("_"):
            raise AttributeError(name)
        else:
            return getattr(self._live, name)
        return fields[name]

    def _read(self) -> Mapping[str, Any]:
        line = self._line if self._started is None else self_contained(self._line, self._started)
        read = readable_span(record_of(line), self._resource, self._about_trace, is_root=self._live.is_root)
        return {name: getattr(read, name) for name in _OF_RECORD}

    @property
    def dropped_attributes(self) -> int:
        """Attributes left out because there were too many."""
        return int(self._live.dropped_attributes)

    @property
    def dropped_events(self) -> int:
        """Events left out because there were too many."""
        return int(self._live.dropped_events)


# fields of a ReadableSpan: those that redaction changes, and the others
_OF_RECORD = frozenset({"_name", "_attributes", "_events", "_links", "_status"})
_OF_LIVE = frozenset({
    "_parent", "_kind", "_start_time", "_end_time", "_resource", "_instrumentation_scope", "_instrumentation_info",
})  # fmt: skip

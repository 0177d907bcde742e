"""Spans for OpenTelemetry: records from the journal as ReadableSpans, and any SpanExporter as a sink."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from tracer._fault import report
from tracer._json import JsonObject, encode
from tracer._records.derive import record_of
from tracer.semconv import SPAN_TYPE

_OWNERS_REMEMBERED = 64
_SECRETS_OF_URL = re.compile(r"(?<=//)[^/@]*@|\?.*")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def attributes_of(record: JsonObject) -> JsonObject:
    """A span record's attributes in OpenTelemetry's types: structured values as JSON text."""
    structured = {key: encode(value).decode() for key, value in record.get("json", {}).items()}
    return {SPAN_TYPE: record.get("type", "UNKNOWN"), **record.get("attributes", {}), **structured}


def readable_span(record: JsonObject, resource: Resource) -> ReadableSpan:
    """A span record as a span for OpenTelemetry's exporters."""
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
        attributes=attributes_of(record),
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

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Export the spans among the records; raises if the exporter fails."""
        spans = []
        for line in lines:
            try:
                record = record_of(line)
                if record["kind"] == "process":
                    self._remember(owner, Resource(record.get("resource", {})))
                elif record["kind"] == "span":
                    spans.append(readable_span(record, self._resources.get(owner) or Resource({})))
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

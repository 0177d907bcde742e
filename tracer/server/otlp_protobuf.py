"""OTLP in protobuf: requests are converted to the records of the JSON form, responses to bytes.

Source: opentelemetry-proto 1.x, ``collector/trace/v1``, ``collector/logs/v1``; ``google.rpc.Status`` for errors.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from tracer._json import JsonObject
from tracer._json_size import VALUES_LIMIT
from tracer.errors import InvalidArgumentError
from tracer.server.body import check_events, check_origins, check_spans, too_many
from tracer.server.protobuf_size import has_more_fields


def resource_spans_from_protobuf(content: bytes) -> Iterator[JsonObject]:
    """Each ResourceSpans of a request in the JSON form, made when it is asked for, and so are its spans.

    Raises InvalidArgumentError, or AnswerError if it has too much in it.
    """
    request = ExportTraceServiceRequest()
    _parse(content, request)
    scopes = [scope for found in request.resource_spans for scope in found.scope_spans]
    check_origins(len(request.resource_spans) + len(scopes))
    check_spans(sum(len(scope.spans) for scope in scopes))
    check_events(sum(len(span.events) + len(span.links) for scope in scopes for span in scope.spans))
    return map(_resource_spans, request.resource_spans)


def resource_logs_from_protobuf(content: bytes) -> Iterator[JsonObject]:
    """The same of a request with log records."""
    request = ExportLogsServiceRequest()
    _parse(content, request)
    scopes = [scope for found in request.resource_logs for scope in found.scope_logs]
    check_origins(len(request.resource_logs) + len(scopes))
    check_spans(sum(len(scope.log_records) for scope in scopes), "log records")
    return map(_resource_logs, request.resource_logs)


def _parse(content: bytes, request: ExportTraceServiceRequest | ExportLogsServiceRequest) -> None:
    if has_more_fields(content, VALUES_LIMIT, request.DESCRIPTOR):
        raise too_many(VALUES_LIMIT, "fields")
    try:
        request.ParseFromString(content)
    except DecodeError as error:
        raise InvalidArgumentError(f"the body is no {request.DESCRIPTOR.name} in protobuf: {error}") from None


def response(refused: int, message: str) -> bytes:
    """An ExportTraceServiceResponse, with a partial success if spans were refused; that of logs has the same bytes."""
    if not refused:
        return bytes(ExportTraceServiceResponse().SerializeToString())
    partial = ExportTracePartialSuccess(rejected_spans=refused, error_message=message)
    return bytes(ExportTraceServiceResponse(partial_success=partial).SerializeToString())


def status(code: int, message: str) -> bytes:
    """A google.rpc.Status, encoded by hand: two fields are not worth a dependency."""
    text = message.encode("utf-8", "replace")
    return bytes([0x08, code, 0x12]) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _resource_spans(found: ResourceSpans) -> JsonObject:
    return {
        "resource": {"attributes": _attributes(found.resource.attributes)},
        "scopeSpans": [
            {"scope": {"name": inner.scope.name}, "spans": map(_span, inner.spans)} for inner in found.scope_spans
        ],
    }


def _span(span: Span) -> JsonObject:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": _attributes(span.attributes),
        "status": {"code": span.status.code, "message": span.status.message},
        "events": [
            {"name": event.name, "timeUnixNano": event.time_unix_nano, "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": _attributes(link.attributes)}
            for link in span.links
        ],
        "traceState": span.trace_state,
        "droppedAttributesCount": span.dropped_attributes_count,
        "droppedEventsCount": span.dropped_events_count,
        "droppedLinksCount": span.dropped_links_count,
    }


def _resource_logs(found: ResourceLogs) -> JsonObject:
    return {
        "resource": {"attributes": _attributes(found.resource.attributes)},
        "scopeLogs": [
            {"scope": {"name": inner.scope.name}, "logRecords": map(_log, inner.log_records)}
            for inner in found.scope_logs
        ],
    }


def _log(record: LogRecord) -> JsonObject:
    return {
        "timeUnixNano": record.time_unix_nano,
        "observedTimeUnixNano": record.observed_time_unix_nano,
        "eventName": record.event_name,
        "body": _body(_value(record.body)),
        "attributes": _attributes(record.attributes),
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
    }


def _body(value: object) -> JsonObject:
    """The body of a log record in the JSON form."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": value}}
    if value is None or isinstance(value, str):
        return {"stringValue": value}
    return {"stringValue": orjson.dumps(value).decode()}


def _attributes(pairs: Iterable[KeyValue]) -> JsonObject:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)

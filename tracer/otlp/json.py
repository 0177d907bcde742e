"""Spans as OTLP JSON lines and back: one ExportTraceServiceRequest a line, nothing of a record lost on the way.

Source: OpenTelemetry protocol 1.x, "JSON Protobuf Encoding" (ids in hex, 64-bit integers as decimal strings, enums as
numbers) and "File exporter" (one message a line). Other producers' lines are read as well, enum names and base64 ids
included.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

import orjson

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer._records.exported import TRACE_RECORDS, exported_attributes, recorded_values, session_and_user
from tracer._records.record import EventRecord, LinkRecord, Record, SpanRecord
from tracer._records.trace_fields import merged
from tracer.dialects import translate
from tracer.errors import InvalidArgumentError
from tracer.otlp.logs import records_of_logs
from tracer.otlp.values import UNREADABLE, attributes_from_otlp, hex_id, reason_of, time_of


class Batch(NamedTuple):
    """The records of one producer, and the resource attributes that identify it."""

    resource: JsonObject
    records: list[Record]


_FLAG_HAS_IS_REMOTE = 0x100
_FLAG_IS_REMOTE = 0x200
_INT64 = range(-(2**63), 2**63)
_STATUS_CODES = ("UNSET", "OK", "ERROR")
_SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_COUNTS = {
    "attributes": "droppedAttributesCount",
    "events": "droppedEventsCount",
    "links": "droppedLinksCount",
}


def line_from_records(
    spans: Sequence[JsonMapping],
    *,
    others: Sequence[JsonMapping] = (),
    resource: JsonMapping | None = None,
) -> bytes:
    """One line, newline included, with the spans of a trace and the records that belong to it (tags, assessments…)."""
    origin = dict(resource or {})
    if others and not spans:
        origin[TRACE_RECORDS] = _dump(others).decode()
    about_trace = merged([record for record in others if record.get("kind") == "trace"])
    scopes: dict[str, list[JsonObject]] = {}
    for position, record in enumerate(spans):
        attributes = exported_attributes(record, {}) if position else exported_attributes(record, about_trace, others)
        scopes.setdefault(record.get("scope", ""), []).append(_span_to_otlp(record, attributes))
    scope_spans = [{"scope": {"name": name} if name else {}, "spans": found} for name, found in scopes.items()]
    resource_spans = {"resource": {"attributes": _attributes_to_otlp(origin)}, "scopeSpans": scope_spans}
    return _dump({"resourceSpans": [resource_spans]}) + b"\n"


def batches_from_line(line: bytes | str) -> list[Batch]:
    """The records in one line, of spans or logs; none for one of metrics. Raises InvalidArgumentError for others."""
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"not JSON: {error}. {_EXPECTED}") from None
    if not isinstance(request, dict):
        raise InvalidArgumentError(f"a JSON {_json_kind(request)}. {_EXPECTED}")
    if not request.keys() & {"resourceSpans", "resourceLogs"}:
        if request.keys() & {"resourceMetrics", "resourceProfiles"}:
            return []
        raise InvalidArgumentError(f'no "resourceSpans". {_EXPECTED}')
    refused: list[str] = []
    batches: list[Batch] = []
    try:
        batches = [batch_from_request(each, refused) for each in request.get("resourceSpans") or ()]
        for resource, records in records_of_logs(request.get("resourceLogs") or (), refused):
            batches.append(Batch(resource, cast("list[Record]", list(records))))
    except UNREADABLE as error:
        refused.append(reason_of(error))
    if refused:
        raise InvalidArgumentError(f"a span or log record that does not follow OTLP: {refused[0]}. {_EXPECTED}")
    return batches


_EXPECTED = 'Expected an OTLP ExportTraceServiceRequest in JSON: {"resourceSpans": [...]}'


def batch_from_request(resource_spans: JsonMapping, refused: list[str]) -> Batch:
    """The records of one ResourceSpans, without spans that break OTLP; ``refused`` gets the reasons."""
    resource, records = resource_and_records(resource_spans, refused)
    return Batch(resource, list(records))


def resource_and_records(resource_spans: JsonMapping, refused: list[str]) -> tuple[JsonObject, Iterator[Record]]:
    """The same, with each span read when its record is asked for; everything around spans is read at once."""
    resource = attributes_from_otlp((resource_spans.get("resource") or {}).get("attributes"))
    others: list[Record] = []
    try:
        others = _other_records(resource)
    except UNREADABLE as error:
        refused.append(reason_of(error))
    scopes = [
        ((scope_spans.get("scope") or {}).get("name") or "", iter(scope_spans.get("spans") or ()))
        for scope_spans in resource_spans.get("scopeSpans") or ()
    ]
    return resource, chain(others, _records_of_scopes(scopes, refused))


def _records_of_scopes(scopes: Sequence[tuple[str, Iterator[JsonMapping]]], refused: list[str]) -> Iterator[Record]:
    for scope, spans in scopes:
        for span in spans:
            try:
                records = _records_of_span(span, scope)
            except UNREADABLE as error:
                refused.append(reason_of(error))
            else:
                yield from records


def _records_of_span(span: JsonMapping, scope: str) -> list[Record]:
    attributes = attributes_from_otlp(span.get("attributes"))
    others = _other_records(attributes)
    belongs_to = session_and_user(attributes)
    structured = recorded_values(attributes)
    record = _span_from_otlp(span, attributes, structured or {}, scope)
    if structured is None:
        about_trace = translate(record)
        return [*others, record, *([about_trace] if about_trace else [])]
    if belongs_to and not others:  # the span with the records of its trace has not ended, or is stored elsewhere
        time = record.get("start", 0)
        others = [cast("Record", {"kind": "trace", "trace_id": record["trace_id"], "time": time, **belongs_to})]
    return [*others, record]


def _other_records(attributes: JsonObject) -> list[Record]:
    """The records that OTLP has no place for, taken out of the attributes that they came in."""
    try:
        found = orjson.loads(attributes.pop(TRACE_RECORDS, "[]"))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(map(_is_other_record, found)):
        raise ValueError(f"{TRACE_RECORDS} is no list of records")
    # the kind as the first field, by which records are told
    return [cast("Record", {"kind": record["kind"], **record}) for record in found]


def _is_other_record(record: object) -> bool:
    """Whether a value can be a record that OTLP has no place for; a span has one, and could lack its ids here."""
    return isinstance(record, dict) and isinstance(record.get("kind"), str) and record["kind"] != "span"


# --- a span


def _span_to_otlp(record: JsonMapping, attributes: JsonMapping) -> JsonObject:
    span: JsonObject = {"traceId": record["trace_id"], "spanId": record["span_id"]}
    if record.get("parent_id"):
        span["parentSpanId"] = record["parent_id"]
        span["flags"] = _FLAG_HAS_IS_REMOTE | (_FLAG_IS_REMOTE if record.get("remote_parent") else 0)
    if record.get("trace_state"):
        span["traceState"] = record["trace_state"]
    span["name"] = record.get("name", "")
    span["kind"] = record.get("otel_kind", 0) + 1
    start = record.get("start", 0)
    span["startTimeUnixNano"] = str(start)
    span["endTimeUnixNano"] = str(record.get("end", start))
    span["attributes"] = _attributes_to_otlp(attributes)
    if record.get("events"):
        span["events"] = [_event_to_otlp(event) for event in record["events"]]
    if record.get("links"):
        span["links"] = [_link_to_otlp(link) for link in record["links"]]
    for name, count in (record.get("dropped") or {}).items():
        if name in _COUNTS:
            span[_COUNTS[name]] = count
    status = {"code": _STATUS_CODES.index(record.get("status", "UNSET"))}
    span["status"] = {**status, "message": record["message"]} if record.get("message") else status
    return span


def _span_from_otlp(span: JsonMapping, attributes: JsonObject, structured: JsonObject, scope: str) -> SpanRecord:
    record: SpanRecord = {
        "kind": "span",
        "trace_id": hex_id(span["traceId"], 16, "traceId"),
        "span_id": hex_id(span["spanId"], 8, "spanId"),
    }
    if span.get("parentSpanId"):
        record["parent_id"] = hex_id(span["parentSpanId"], 8, "parentSpanId")
    if int(span.get("flags") or 0) & _FLAG_IS_REMOTE:
        record["remote_parent"] = True
    record["name"] = str(span.get("name") or "")
    record["type"] = _span_type(attributes)
    record["start"] = time_of(span.get("startTimeUnixNano"), "startTimeUnixNano")
    record["end"] = time_of(span.get("endTimeUnixNano"), "endTimeUnixNano") or record["start"]
    _add_status(record, span.get("status") or {})
    kind = _enum_number(span.get("kind"), _SPAN_KINDS, "SPAN_KIND_")
    if kind > 1:  # an unspecified kind means internal
        record["otel_kind"] = kind - 1
    if attributes:
        record["attributes"] = attributes
    if structured:
        record["json"] = structured
    if span.get("events"):
        record["events"] = [_event_from_otlp(event) for event in span["events"]]
    if span.get("links"):
        record["links"] = [_link_from_otlp(link) for link in span["links"]]
    if scope:
        record["scope"] = scope
    if span.get("traceState"):
        record["trace_state"] = span["traceState"]
    if dropped := {name: int(span[field]) for name, field in _COUNTS.items() if span.get(field)}:
        record["dropped"] = dropped
    return record


def _add_status(record: SpanRecord, status: JsonMapping) -> None:
    code = _enum_number(status.get("code"), _STATUS_CODES, "STATUS_CODE_")
    record["status"] = cast("Any", _STATUS_CODES[code])
    if status.get("message"):
        record["message"] = str(status["message"])


def _span_type(attributes: JsonObject) -> str:
    given = attributes.pop(semconv.SPAN_TYPE, None) or attributes.get("openinference.span.kind")
    return str(given or semconv.SpanType.UNKNOWN)


# --- events, links


def _event_to_otlp(event: JsonMapping) -> JsonObject:
    found = {"timeUnixNano": str(event.get("time", 0)), "name": event.get("name", "")}
    attributes = event.get("attributes")
    return {**found, "attributes": _attributes_to_otlp(attributes)} if attributes else found


def _event_from_otlp(event: JsonMapping) -> EventRecord:
    record: EventRecord = {
        "name": str(event.get("name") or ""),
        "time": time_of(event.get("timeUnixNano"), "timeUnixNano of an event"),
    }
    if event.get("attributes"):
        record["attributes"] = attributes_from_otlp(event["attributes"])
    return record


def _link_to_otlp(link: JsonMapping) -> JsonObject:
    found = {"traceId": link["trace_id"], "spanId": link["span_id"]}
    attributes = link.get("attributes")
    return {**found, "attributes": _attributes_to_otlp(attributes)} if attributes else found


def _link_from_otlp(link: JsonMapping) -> LinkRecord:
    record: LinkRecord = {
        "trace_id": hex_id(link["traceId"], 16, "traceId of a link"),
        "span_id": hex_id(link["spanId"], 8, "spanId of a link"),
    }
    if link.get("attributes"):
        record["attributes"] = attributes_from_otlp(link["attributes"])
    return record


# --- values


def _attributes_to_otlp(attributes: JsonMapping) -> list[JsonObject]:
    return [{"key": key, "value": _value_to_otlp(value)} for key, value in attributes.items()]


def _value_to_otlp(value: Any) -> JsonObject:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and value in _INT64:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _special_float_name(value)}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes_to_otlp(value)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_value_to_otlp(item) for item in value]}}
    return {"stringValue": str(value)}


def _special_float_name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _enum_number(value: Any, names: Sequence[str], prefix: str) -> int:
    """An enum's number from the number or, as other producers write it, from its name."""
    if value is None:
        return 0
    if isinstance(value, str) and value.startswith(prefix):
        return names.index(value[len(prefix) :])
    number = int(value)
    return number if 0 <= number < len(names) else 0


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # each level of a value is three of OTLP, more than orjson writes
        return json.dumps(value, separators=(",", ":")).encode()


def _json_kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")

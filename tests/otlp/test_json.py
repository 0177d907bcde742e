"""OTLP JSON lines: nothing of a record is lost on the way out and back, and other producers' lines are read."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer._encoding.bounds import DEPTH_LIMIT
from tracer.errors import InvalidArgumentError
from tracer.otlp.json import Batch, batches_from_line, line_from_records

pytestmark = pytest.mark.no_store

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN = {
    "kind": "span",
    "trace_id": TRACE_ID,
    "span_id": "b7ad6b7169203331",
    "parent_id": "00f067aa0ba902b7",
    "remote_parent": True,
    "name": "chat gpt-4o-mini",
    "type": "CHAT_MODEL",
    "start": 1_790_000_000_123_456_789,
    "end": 1_790_000_001_123_456_789,
    "status": "ERROR",
    "message": "429 Too Many Requests",
    "otel_kind": 2,
    "attributes": {"a": 1, "b": 0.5, "c": True, "d": ["x", "y"], "e": "[1]", "f": 1.0, "g": [], "h": -1, "i": [1, 2]},
    "json": {"tracer.inputs": {"n": 1, "x": [None, 1.5]}, "my.own": {"k": ["ü", "\u001b[31m"]}, "text": "plain"},
    "events": [{"name": "exception", "time": 1_790_000_001_000_000_000, "attributes": {"exception.type": "E"}}],
    "links": [{"trace_id": TRACE_ID[::-1], "span_id": "1234567890abcdef", "attributes": {"n": 1}}],
    "scope": "tracer.openai",
    "trace_state": "a=b",
    "dropped": {"events": 3},
}
CHILD = {
    "kind": "span",
    "trace_id": TRACE_ID,
    "span_id": "1111111111111111",
    "parent_id": "b7ad6b7169203331",
    "name": "",
    "type": "TOOL",
    "start": 1,
    "end": 2,
    "status": "UNSET",
}
OTHERS = [
    {"kind": "trace", "trace_id": TRACE_ID, "time": 3, "tags": {"env": "prod"}, "session_id": "s", "experiment": "e"},
    {"kind": "assessment", "id": "1", "trace_id": TRACE_ID, "name": "good", "type": "feedback", "value": {"a": 1}},
    {"kind": "attachment", "id": "00", "mime": "image/png", "content": "AAAA"},
]


def test_every_field_of_every_record_comes_back() -> None:
    line = line_from_records([SPAN, CHILD], others=OTHERS, resource={"service.name": "shop", "n": 1})

    (batch,) = batches_from_line(line)
    assert batch.resource == {"service.name": "shop", "n": 1}
    assert sorted(batch.records, key=repr) == sorted([SPAN, CHILD, *OTHERS], key=repr)


def test_a_value_that_is_nested_as_deep_as_one_is_stored_comes_back() -> None:
    value: Any = "🙂"
    for _ in range(DEPTH_LIMIT // 2):
        value = [{"deeper": value}]
    record = {**SPAN, "events": [{"name": "note", "time": 5, "attributes": {"deep": value}}]}

    (batch,) = batches_from_line(line_from_records([record]))

    assert batch.records == [record]


def test_a_trace_without_an_ended_span_comes_back_too() -> None:
    line = line_from_records([], others=OTHERS, resource={"service.name": "shop"})

    assert batches_from_line(line) == [Batch({"service.name": "shop"}, OTHERS)]


def test_a_line_is_what_the_otlp_specification_says() -> None:
    span = json.loads(line_from_records([SPAN]))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    attributes = {pair["key"]: pair["value"] for pair in span.pop("attributes")}
    assert span == {
        "traceId": TRACE_ID,
        "spanId": "b7ad6b7169203331",
        "parentSpanId": "00f067aa0ba902b7",
        "flags": 0x300,
        "traceState": "a=b",
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "startTimeUnixNano": "1790000000123456789",
        "endTimeUnixNano": "1790000001123456789",
        "events": [
            {
                "name": "exception",
                "timeUnixNano": "1790000001000000000",
                "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}],
            }
        ],
        "links": [
            {
                "traceId": TRACE_ID[::-1],
                "spanId": "1234567890abcdef",
                "attributes": [{"key": "n", "value": {"intValue": "1"}}],
            }
        ],
        "droppedEventsCount": 3,
        "status": {"code": 2, "message": "429 Too Many Requests"},
    }
    assert attributes["a"] == {"intValue": "1"}
    assert attributes["b"] == {"doubleValue": 0.5}
    assert attributes["c"] == {"boolValue": True}
    assert attributes["d"] == {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "y"}]}}
    assert attributes["tracer.span.type"] == {"stringValue": "CHAT_MODEL"}
    assert attributes["input.value"] == {"stringValue": '{"n":1,"x":[null,1.5]}'}


def test_the_protobuf_library_reads_our_lines() -> None:
    json_format = pytest.importorskip("google.protobuf.json_format")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    line = line_from_records([SPAN, CHILD], others=OTHERS)

    # protobuf's own JSON takes bytes as base64, OTLP writes ids in hex: both are letters it accepts
    request = json_format.Parse(line, service.ExportTraceServiceRequest())

    assert [span.name for scope in request.resource_spans[0].scope_spans for span in scope.spans] == [SPAN["name"], ""]


def test_a_line_of_the_opentelemetry_collector_is_read() -> None:
    line = """{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
    "scopeSpans":[{"scope":{"name":"io.app","version":"1"},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
    "spanId":"EEE19B7EC3C1B174","parentSpanId":"","name":"chat gpt-4o","startTimeUnixNano":"1544712660000000000",
    "endTimeUnixNano":"1544712661000000000","kind":3,"attributes":[
    {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
    {"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}},
    {"key":"gen_ai.input.messages","value":{"stringValue":"[{\\"role\\":\\"user\\",\\"parts\\":[]}]"}},
    {"key":"tree","value":{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":"NaN"}}]}}}],
    "status":{}}]}]}]}"""

    (batch,) = batches_from_line(line.replace("\n", ""))
    (span,) = batch.records

    assert math.isnan(span.pop("json")["tree"]["a"])
    assert span == {
        "kind": "span",
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": "eee19b7ec3c1b174",
        "name": "chat gpt-4o",
        "type": "CHAT_MODEL",
        "start": 1544712660000000000,
        "end": 1544712661000000000,
        "status": "UNSET",
        "otel_kind": 2,
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 12},
        "scope": "io.app",
    }
    assert batch.resource == {"service.name": "shop"}


def test_enum_names_numbers_as_numbers_and_base64_ids_are_read_too() -> None:
    line = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "W47/95gDgQPSabYzgT/GDA==",
                                "spanId": "7uGbfsPBsXQ=",
                                "kind": "SPAN_KIND_SERVER",
                                "startTimeUnixNano": 1,
                                "endTimeUnixNano": 2,
                                "status": {"code": "STATUS_CODE_ERROR"},
                            }
                        ]
                    }
                ]
            }
        ]
    }

    ((span,),) = (batch.records for batch in batches_from_line(json.dumps(line)))

    assert (span["trace_id"], span["span_id"]) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert (span["status"], span["otel_kind"]) == ("ERROR", 1)


def test_lines_of_metrics_are_passed_over() -> None:
    assert batches_from_line('{"resourceMetrics": []}') == []


def test_a_line_of_logs_has_what_they_say_of_spans() -> None:
    said = {"key": "event.name", "value": {"stringValue": "gen_ai.user.message"}}
    log = {"traceId": "1" * 32, "spanId": "2" * 16, "timeUnixNano": "5", "attributes": [said]}
    other = {"body": {"stringValue": "started"}}
    line = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log, other]}]}]})

    [[resource, records]] = batches_from_line(line)
    assert resource == {}
    event = {"name": "gen_ai.user.message", "time": 5, "attributes": {"event.name": "gen_ai.user.message"}}
    assert records == [{"kind": "log", "trace_id": "1" * 32, "span_id": "2" * 16, "time": 5, "event": event}]
    with pytest.raises(InvalidArgumentError, match="a span or log record that does not follow OTLP: spanId is 'x'"):
        batches_from_line(line.replace("2" * 16, "x"))


def resource_with(records: str) -> str:
    """A line whose resource carries other records of its trace."""
    attribute = {"key": "tracer.trace.records", "value": {"stringValue": records}}
    return json.dumps({"resourceSpans": [{"resource": {"attributes": [attribute]}, "scopeSpans": []}]})


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{oops", "not JSON"),
        ("[1]", "a JSON array"),
        ('{"spans": []}', 'no "resourceSpans"'),
        ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"00f067aa0ba902b7"}]}]}]}', "'traceId' is missing"),
        ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz","spanId":"1"}]}]}]}', "traceId is 'xyz'"),
        ('{"resourceSpans":[{"scopeSpans":[{"spans":["x"]}]}]}', "does not follow OTLP"),
        (resource_with("[5]"), "tracer.trace.records is no list of records"),
        (resource_with('[{"kind": 5}]'), "tracer.trace.records is no list of records"),
        (resource_with('[{"kind": "span"}]'), "tracer.trace.records is no list of records"),
    ],
)
def test_what_is_not_otlp_is_refused_with_what_was_expected(line: str, complaint: str) -> None:
    with pytest.raises(InvalidArgumentError, match="ExportTraceServiceRequest") as caught:
        batches_from_line(line)

    assert complaint in str(caught.value)


text = st.text(st.characters(codec="utf-8"), max_size=8)
primitives = text | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
attribute = primitives | st.lists(primitives, max_size=3)
tree = st.recursive(st.none() | primitives, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner))


@given(st.dictionaries(text.map("a.".__add__), attribute, min_size=1), st.dictionaries(text.map("j.".__add__), tree))
def test_any_attributes_come_back_as_they_were(attributes: dict[str, Any], structured: dict[str, Any]) -> None:
    span = {**CHILD, "attributes": attributes, **({"json": structured} if structured else {})}

    assert batches_from_line(line_from_records([span])) == [Batch({}, [span])]

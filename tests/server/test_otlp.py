"""OTLP in: the real exporter of OpenTelemetry, both encodings, partial success, and what must not be sent again."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from tests.server.conftest import SECOND, START, TRACE_ID
from tracer.store import Store, TraceQuery

pytestmark = pytest.mark.no_store
SPAN_ID = "00f067aa0ba902b7"


def otlp_span(**fields: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "step",
        "kind": 1,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + SECOND),
        **fields,
    }


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_exporter_of_opentelemetry_delivers(compression: Compression, server_url: str, store: Store) -> None:
    exporter = OTLPSpanExporter(f"{server_url}/v1/traces", compression=compression)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    otel = provider.get_tracer("app")
    link = Link(SpanContext(1, 2, is_remote=True), {"why": "asked"})
    given = {"list": [1, 2], "ok": True}
    with (
        otel.start_as_current_span("checkout", kind=SpanKind.SERVER, attributes=given),
        otel.start_as_current_span("pay", links=[link]) as pay,
    ):
        pay.add_event("charged", {"cents": 250})
        pay.set_status(Status(StatusCode.ERROR, "declined"))
    assert provider.force_flush()
    provider.shutdown()

    [row] = store.find_traces(TraceQuery()).traces
    stored = store.trace(row.trace_id)
    assert stored is not None
    checkout, paid = stored.spans
    assert (row.name, row.span_count, row.error_count, stored.resource["service.name"]) == ("checkout", 2, 1, "shop")
    assert checkout["attributes"] == {"list": [1, 2], "ok": True}
    assert (checkout["otel_kind"], checkout["scope"]) == (1, "app")
    assert (paid["status"], paid["message"], paid["parent_id"]) == ("ERROR", "declined", checkout["span_id"])
    assert [(event["name"], event["attributes"]) for event in paid["events"]] == [("charged", {"cents": 250})]
    assert paid["links"] == [{"trace_id": f"{1:032x}", "span_id": f"{2:016x}", "attributes": {"why": "asked"}}]


def test_json_is_taken_and_answered_in_json(server_url: str, store: Store) -> None:
    body = gzip.compress(orjson.dumps(request(otlp_span())))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = httpx.post(f"{server_url}/v1/traces", content=body, headers=headers)

    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, {}, "application/json")
    assert [row.name for row in store.find_traces(TraceQuery()).traces] == ["step"]


def test_a_span_that_is_none_is_refused_and_the_others_are_kept(server_url: str, store: Store) -> None:
    body = request(otlp_span(), otlp_span(traceId="0" * 32), otlp_span(spanId="short"))

    answer = httpx.post(f"{server_url}/v1/traces", json=body)

    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "2")
    assert "traceId is '000" in partial["errorMessage"]
    assert store.count_traces() == 1


def test_partial_success_in_protobuf(server_url: str) -> None:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name="no ids")
    headers = {"Content-Type": "application/x-protobuf"}

    answer = httpx.post(f"{server_url}/v1/traces", content=message.SerializeToString(), headers=headers)

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert (told.rejected_spans, "traceId" in told.error_message) == (1, True)


def test_an_empty_request_is_all_right(server_url: str) -> None:
    answer = httpx.post(f"{server_url}/v1/traces", headers={"Content-Type": "application/x-protobuf"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"\xff\xff\xff", "application/x-protobuf", 400),
        (b"{", "application/json", 400),
        (b'{"resourceSpans": 3}', "application/json", 400),
        (b'{"resourceSpans": [3]}', "application/json", 400),
        (b"hello", "text/plain", 415),
    ],
)
def test_what_is_no_otlp_is_refused_for_good(content: bytes, media_type: str, status: int, server_url: str) -> None:
    answer = httpx.post(f"{server_url}/v1/traces", content=content, headers={"Content-Type": media_type})

    assert answer.status_code == status
    if media_type == "application/x-protobuf":
        assert answer.content[:3] == b"\x08\x03\x12"  # a google.rpc.Status with a message
    else:
        assert answer.json()["message"]


def test_the_same_spans_again_change_nothing(server_url: str, store: Store) -> None:
    for _ in range(2):
        assert httpx.post(f"{server_url}/v1/traces", json=request(otlp_span())).status_code == 200

    [row] = store.find_traces(TraceQuery()).traces
    assert row.span_count == 1


def test_a_picture_in_a_span_becomes_an_attachment(server_url: str, store: Store) -> None:
    picture = "data:image/png;base64," + "iVBORw0K" * 100
    attributes = [{"key": "input.value", "value": {"stringValue": picture}}]

    assert httpx.post(f"{server_url}/v1/traces", json=request(otlp_span(attributes=attributes))).status_code == 200

    record = store.payload(TRACE_ID, SPAN_ID)
    assert record is not None
    scheme, _, rest = record["attributes"]["input.value"].partition(":")
    assert scheme == "tracer-attachment"
    assert store.attachment(rest[:64]) is not None

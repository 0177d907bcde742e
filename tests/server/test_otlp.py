"""OTLP in: the real exporter of OpenTelemetry, both encodings, partial success, and what must not be sent again."""

from __future__ import annotations

import base64
import gzip
import hashlib
from json import dumps
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from tests.server.conftest import SECOND, START, TRACE_ID
from tracer.otlp.json import TRACE_RECORDS
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


def attributes(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in given.items()
    ]


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_opentelemetrys_otlp_exporter_delivers(compression: Compression, server_url: str, store: Store) -> None:
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


def test_otlp_json_is_answered_in_json(server_url: str, store: Store) -> None:
    body = gzip.compress(orjson.dumps(request(otlp_span())))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = httpx.post(f"{server_url}/v1/traces", content=body, headers=headers)

    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, {}, "application/json")
    assert [row.name for row in store.find_traces(TraceQuery()).traces] == ["step"]


def test_an_invalid_otlp_span_is_refused_and_the_others_are_kept(server_url: str, store: Store) -> None:
    body = request(otlp_span(), otlp_span(traceId="0" * 32), otlp_span(spanId="short"))

    answer = httpx.post(f"{server_url}/v1/traces", json=body)

    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "2")
    assert "traceId is '000" in partial["errorMessage"]
    assert store.count_traces() == 1


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": [{"key": "n", "value": {"intValue": str(2**64)}}]},
        {"attributes": [{"key": 5, "value": {"stringValue": "x"}}]},
        {"attributes": [{"key": "deep", "value": nested(251)}]},
        {"attributes": [{"key": "deep", "value": nested(300)}]},
        {"attributes": [{"key": TRACE_RECORDS, "value": {"stringValue": "[5]"}}]},
        {"startTimeUnixNano": str(2**63)},
        {"startTimeUnixNano": str(2**70)},
        {"startTimeUnixNano": "-5"},
        {"events": [{"name": "e", "timeUnixNano": str(2**90)}]},
    ],
)
def test_an_otlp_span_that_cannot_be_stored_is_refused_alone(
    fields: dict[str, Any], client: httpx.Client, server_url: str
) -> None:
    body = request(otlp_span(spanId="2" * 16, **fields), otlp_span())

    answer = httpx.post(f"{server_url}/v1/traces", content=dumps(body), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert [span["span_id"] for span in client.get(f"/traces/{TRACE_ID}").json()["spans"]] == [SPAN_ID]


@pytest.mark.parametrize("value", [nested(120), {"intValue": str(2**63)}, {"doubleValue": "NaN"}])
def test_what_is_taken_in_comes_out_again(value: dict[str, Any], client: httpx.Client, server_url: str) -> None:
    body = request(otlp_span(attributes=[{"key": "n", "value": value}]))

    assert httpx.post(f"{server_url}/v1/traces", json=body).json() == {}

    for path in ("", f"/spans/{SPAN_ID}", "/records", f"/records/{SPAN_ID}", "/otlp"):
        assert client.get(f"/traces/{TRACE_ID}{path}").status_code == 200, path


def test_a_span_without_a_time_can_be_opened(client: httpx.Client, server_url: str) -> None:
    body = request(otlp_span(startTimeUnixNano="0", endTimeUnixNano="0"))

    assert httpx.post(f"{server_url}/v1/traces", json=body).json() == {}

    [span] = client.get(f"/traces/{TRACE_ID}").raise_for_status().json()["spans"]
    assert (span["start_ns"], span["duration_ns"]) == (0, 0)
    assert client.get(f"/traces/{TRACE_ID}/spans/{SPAN_ID}").json()["start_ns"] == 0


@pytest.mark.parametrize("records", ["nope", "[5]", "{}"])
def test_otlp_spans_are_kept_without_their_invalid_resource(records: str, server_url: str, store: Store) -> None:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.add(key=TRACE_RECORDS).value.string_value = records
    ids = {"trace_id": bytes.fromhex(TRACE_ID), "span_id": bytes.fromhex(SPAN_ID)}
    resource_spans.scope_spans.add().spans.add(name="step", **ids)
    headers = {"Content-Type": "application/x-protobuf"}

    answer = httpx.post(f"{server_url}/v1/traces", content=message.SerializeToString(), headers=headers)

    assert answer.status_code == 200
    assert "no list of records" in answer.text
    assert store.count_traces() == 1


def test_an_otlp_resource_that_cannot_be_stored_is_left_out(server_url: str, store: Store) -> None:
    body = request(otlp_span())
    body["resourceSpans"][0]["resource"] = {"attributes": [{"key": "n", "value": {"intValue": str(2**64)}}]}

    answer = httpx.post(f"{server_url}/v1/traces", json=body)

    assert "resource: " in answer.json()["partialSuccess"]["errorMessage"]
    assert store.count_traces() == 1


def test_otlp_partial_success_in_protobuf(server_url: str) -> None:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name="no ids")
    headers = {"Content-Type": "application/x-protobuf"}

    answer = httpx.post(f"{server_url}/v1/traces", content=message.SerializeToString(), headers=headers)

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert (told.rejected_spans, "traceId" in told.error_message) == (1, True)


def test_an_empty_otlp_request_succeeds(server_url: str) -> None:
    answer = httpx.post(f"{server_url}/v1/traces", headers={"Content-Type": "application/x-protobuf"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"\xff\xff\xff", "application/x-protobuf", 400),
        (b"{", "application/json", 400),
        (b'{"resourceSpans": 3}', "application/json", 400),
        (b'{"resourceSpans": [3]}', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"hello", "text/plain", 415),
    ],
)
def test_a_body_that_is_not_otlp_is_refused_for_good(
    content: bytes, media_type: str, status: int, server_url: str
) -> None:
    answer = httpx.post(f"{server_url}/v1/traces", content=content, headers={"Content-Type": media_type})

    assert answer.status_code == status
    if media_type == "application/x-protobuf":
        assert answer.content[:3] == b"\x08\x03\x12"  # a google.rpc.Status with a message
    else:
        assert answer.json()["message"]


def test_the_same_otlp_spans_again_change_nothing(server_url: str, store: Store) -> None:
    for _ in range(2):
        assert httpx.post(f"{server_url}/v1/traces", json=request(otlp_span())).status_code == 200

    [row] = store.find_traces(TraceQuery()).traces
    assert row.span_count == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_spans_that_two_instrumentations_make_of_one_call_beside_each_other_count_once(
    order: tuple[int, ...], client: httpx.Client, server_url: str, store: Store
) -> None:
    """As OpenInference's instrumentation of a stream and the Anthropic SDK itself make them."""
    model, ours, theirs = "claude-sonnet-4-5", "00f067aa0ba902b8", "00f067aa0ba902b9"
    openinference = attributes({
        "openinference.span.kind": "LLM", "llm.model_name": model,
        "llm.token_count.prompt": 100, "llm.token_count.completion": 20,
    })  # fmt: skip
    conventions = attributes({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
    })  # fmt: skip
    below = {"parentSpanId": SPAN_ID, "startTimeUnixNano": str(START + 1), "endTimeUnixNano": str(START + SECOND // 2)}
    sent = [
        request(otlp_span(name="agent")),
        request(otlp_span(**below, spanId=ours, name="messages.stream", attributes=openinference)),
        request(otlp_span(**{**below, "startTimeUnixNano": str(START + 2)}, spanId=theirs, attributes=conventions)),
    ]
    sent[2]["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"] = "com.anthropic.sdk.python"
    for number in order:
        assert httpx.post(f"{server_url}/v1/traces", json=sent[number]).json() == {}

    [row] = store.find_traces(TraceQuery()).traces
    [calls] = store.statistics(group_by="model")
    shown = client.get(f"/traces/{TRACE_ID}").json()["spans"]
    dashboard = client.get("/statistics", params={"group_by": "model"}).json()
    assert row.usage == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    assert row.cost is not None
    assert (calls.input_tokens, calls.output_tokens, calls.cost) == (100, 20, pytest.approx(row.cost["total_cost"]))
    assert {span["span_id"]: span.get("parent_id") for span in shown} == {SPAN_ID: None, ours: SPAN_ID, theirs: ours}
    assert [group["input_tokens"] for group in dashboard["groups"]] == [100]


def test_a_picture_in_an_otlp_span_becomes_an_attachment(server_url: str, store: Store) -> None:
    picture = "data:image/png;base64," + "iVBORw0K" * 100
    attributes = [{"key": "input.value", "value": {"stringValue": picture}}]

    assert httpx.post(f"{server_url}/v1/traces", json=request(otlp_span(attributes=attributes))).status_code == 200

    record = store.payload(TRACE_ID, SPAN_ID)
    assert record is not None
    scheme, _, rest = record["json"]["tracer.inputs"].partition(":")
    assert scheme == "tracer-attachment"
    assert store.attachment(rest[:64]) is not None


def test_an_attachment_beside_its_span_is_kept_though_its_base64_looks_like_a_key(
    server_url: str, store: Store
) -> None:
    content = base64.b64decode("iVBORw0KGgoA" + "AAAA" * 30 + "AAA/AKIAQ7XWZ2N5LTRB4KVD/AAA")
    digest = hashlib.sha256(content).hexdigest()
    text = base64.b64encode(content).decode()
    record = {"id": digest, "mime": "image/png", "content": text, "kind": "attachment"}
    sent = request(otlp_span(attributes=attributes({"input.value": f"tracer-attachment:{digest};image/png;1"})))
    sent["resourceSpans"][0]["resource"] = {"attributes": attributes({TRACE_RECORDS: dumps([record])})}

    assert httpx.post(f"{server_url}/v1/traces", json=sent).json() == {}

    assert store.attachment(digest) == ("image/png", content)


def test_metrics_are_taken_and_dropped(server_url: str, store: Store) -> None:
    exporter = OTLPMetricExporter(f"{server_url}/v1/metrics")
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)])
    provider.get_meter("app").create_counter("tokens").add(1)

    assert provider.force_flush()
    provider.shutdown()

    assert httpx.post(f"{server_url}/v1/metrics", json={"resourceMetrics": []}).json() == {}
    assert store.count_traces() == 0


def test_the_address_of_langfuses_sdks(server_url: str, store: Store) -> None:
    httpx.post(f"{server_url}/api/public/otel/v1/traces", json=request(otlp_span())).raise_for_status()

    assert store.count_traces() == 1

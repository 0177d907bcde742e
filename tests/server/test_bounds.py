"""Bounds on what is in a request: gzip members, values, fields, spans, lines; others are answered meanwhile."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tracer.server import body, running_server
from tracer.store import Store

pytestmark = pytest.mark.no_store
SAME = {"Content-Type": "application/json"}
WHOLE = gzip.compress(b"{}")
MANY = b"{}," * 1_000_000 + b"{}"
SPANS = b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}'
ORIGINS = b'{"resourceSpans":[%s]}'
EVENTS = SPANS % b'{"events":[%s],"links":[%s]}'
EMPTY = b"{}," * 99_999 + b"{}"
PROTOBUF_ORIGINS = ExportTraceServiceRequest(resource_spans=[ResourceSpans()] * 1001).SerializeToString()
PROTOBUF_EVENTS = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(events=[Span.Event()] * 100_001)])])]
).SerializeToString()
PROTOBUF_SPANS = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span()] * 10_001)])]
).SerializeToString()


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('bounds') / 'tracer.db'}"


@pytest.fixture(scope="module")
def server_url(store_url: str) -> Iterator[str]:
    with running_server(store_url) as url:
        yield url


@pytest.mark.parametrize("item", ["{}", "[]", '{"role":"user"}', "1"])
@pytest.mark.parametrize("is_event", [False, True])
def test_values_in_attributes_that_are_json_are_bounded(server_url: str, item: str, is_event: bool) -> None:
    def post(count: int) -> httpx.Response:
        text = "[" + ",".join([item] * count) + "]"
        span = Span(name="chat", trace_id=b"1" * 16, span_id=b"2" * 8)
        held = span.events.add(name="gen_ai.content.prompt") if is_event else span
        held.attributes.add(key="gen_ai.input.messages").value.string_value = text
        held.attributes.add(key="input.value").value.string_value = text
        request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
        headers = {"Content-Type": "application/x-protobuf"}
        return httpx.post(f"{server_url}/v1/traces", content=request.SerializeToString(), headers=headers, timeout=60)

    assert post(1_000).status_code == 200
    answer = post(600_000)
    assert answer.status_code == 413
    assert b"more than 1000000 keys and values in attributes that are JSON" in answer.content


PLACES = [b"password: x ", b"?key="]


@pytest.mark.parametrize("text", PLACES)
def test_places_where_a_secret_may_be_are_bounded(server_url: str, text: bytes) -> None:
    span = Span(name=(text * 300_000).decode(), trace_id=b"1" * 16, span_id=b"2" * 8)
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    bodies = [
        ("/v1/traces", "application/json", SPANS % (b'{"name":"%s"}' % (text * 300_000))),
        ("/v1/traces", "application/x-protobuf", request.SerializeToString()),
        ("/api/v1/records", "application/x-ndjson", b'{"kind":"span","name":"%s"}' % (text * 300_000)),
    ]
    for path, media_type, content in bodies:
        answer = httpx.post(f"{server_url}{path}", content=content, headers={"Content-Type": media_type}, timeout=60)
        assert answer.status_code == 413
        assert b"the body has more than 250000 places where a secret may be" in answer.content


def test_a_gzip_body_has_a_bounded_number_of_members(server_url: str) -> None:
    headers = {**SAME, "Content-Encoding": "gzip"}

    def post(members: int) -> httpx.Response:
        return httpx.post(
            f"{server_url}/v1/traces", content=gzip.compress(b" ") * members + WHOLE, headers=headers, timeout=60
        )

    assert post(1999).status_code == 200
    assert (post(2000).status_code, post(2000).json()["message"]) == (413, "the body has more than 2000 gzip members")


def test_a_member_of_gzip_may_end_anywhere(server_url: str) -> None:
    headers = {**SAME, "Content-Encoding": "gzip"}
    for size in range(16 * 1024 - 40, 16 * 1024 + 1):
        first = gzip.compress(random.Random(size).randbytes(size - 23), 0, mtime=0)  # 23 of its own

        assert body.unpacked(first + WHOLE, 1 << 20).endswith(b"{}")
    assert httpx.post(f"{server_url}/v1/traces", content=WHOLE[:-1], headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("path", "media_type", "content", "said"),
    [
        ("/v1/traces", "application/json", b'{"resourceSpans":[' + MANY + b"]}", "1000000 keys and values"),
        ("/v1/traces", "application/x-protobuf", b"\x0a\x00" * 1_000_001, "1000000 fields"),
        ("/v1/traces", "application/json", SPANS % (b"{}," * 10_000 + b"{}"), "10000 spans"),
        ("/v1/traces", "application/x-protobuf", PROTOBUF_SPANS, "10000 spans"),
        ("/v1/traces", "application/json", ORIGINS % (b"{}," * 1000 + b"{}"), "1000 resources and scopes"),
        ("/v1/traces", "application/x-protobuf", PROTOBUF_ORIGINS, "1000 resources and scopes"),
        ("/v1/traces", "application/json", EVENTS % (EMPTY, b"{}"), "100000 events and links"),
        ("/v1/traces", "application/x-protobuf", PROTOBUF_EVENTS, "100000 events and links"),
        ("/api/v1/records", "application/x-ndjson", b"{}\n" * 10_001, "10000 lines"),
        ("/api/v1/records", "application/x-ndjson", b'{"x":[' + MANY + b"]}", "1000000 keys and values"),
        ("/api/v1/records", "application/x-ndjson", b'"\n{"x":[' + MANY + b"]}", "1000000 keys and values"),
        ("/api/v1/traces/records", "application/json", b'{"trace_ids":[' + MANY + b"]}", "250000 keys and values"),
    ],
)
def test_a_body_with_too_much_in_it_is_refused(
    path: str, media_type: str, content: bytes, said: str, server_url: str
) -> None:
    answer = httpx.post(server_url + path, content=content, headers={"Content-Type": media_type}, timeout=60)

    assert answer.status_code == 413
    assert f"the body has more than {said}".encode() in answer.content


def test_a_long_text_is_no_large_number_of_values(server_url: str, store: Store) -> None:
    text = 'a, b: [c] {d} "e" \\' * 200_000
    attribute = {"key": "note", "value": {"stringValue": text}}
    sent = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "n", "attributes": [attribute]}

    answer = httpx.post(
        f"{server_url}/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [sent]}]}]}, timeout=60
    )

    assert (answer.status_code, answer.json()) == (200, {})
    found = store.trace("a" * 32)
    assert found is not None
    assert found.spans[0]["attributes"]["note"] == text


def test_other_requests_are_answered_while_a_large_one_is_read(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_reading, may_go_on = threading.Event(), threading.Event()

    def reading(*texts: object) -> bool:
        is_reading.set()
        return not may_go_on.wait(30)

    monkeypatch.setattr(body, "has_more_values", reading)
    headers = {"Content-Type": "application/json"}
    large = b'{"trace_ids":["' + b"a" * 100_000 + b'"]}'
    with ThreadPoolExecutor() as pool:
        sent = [
            pool.submit(httpx.post, f"{server_url}{path}", content=large, headers=headers, timeout=60)
            for path in ("/v1/traces", "/api/v1/traces/records")
        ]
        assert is_reading.wait(30)

        assert httpx.get(f"{server_url}/api/v1/server").status_code == 200

        may_go_on.set()
        assert [answer.result().status_code for answer in sent] == [200, 200]

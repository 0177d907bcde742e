"""Log records over OTLP: what belongs to a span becomes part of it, whichever comes first; the rest is dropped."""

from __future__ import annotations

import base64
import gzip
import sqlite3
import time
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.server.conftest import START, TRACE_ID, client_of
from tests.server.test_otlp import otlp_span, request
from tracer.server import running_server
from tracer.store import Store, TraceQuery, open_store
from tracer.store.filter import parse_filter

pytestmark = pytest.mark.no_store
SPAN_ID = "00f067aa0ba902b7"
ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Where to?"}]}]
REPLIED = [{"role": "assistant", "parts": [{"type": "text", "content": "Lisbon"}]}]


def value(found: Any) -> dict[str, Any]:
    if isinstance(found, bool):
        return {"boolValue": found}
    if isinstance(found, int):
        return {"intValue": str(found)}
    if isinstance(found, float):
        return {"doubleValue": found}
    if isinstance(found, dict):
        return {"kvlistValue": {"values": attributes(found)}}
    if isinstance(found, list):
        return {"arrayValue": {"values": [value(each) for each in found]}}
    return {"stringValue": found}


def attributes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(each)} for key, each in found.items()]


def log(name: str, body: Any = None, *, at: int = START, **fields: Any) -> dict[str, Any]:
    given = fields.pop("attributes", {})
    record = {"timeUnixNano": str(at), "attributes": attributes({"event.name": name, **given}), **fields}
    return {**record, "body": value(body)} if body is not None else record


def of_span(name: str, body: Any = None, **fields: Any) -> dict[str, Any]:
    return log(name, body, traceId=TRACE_ID, spanId=SPAN_ID, **fields)


def logs(*records: dict[str, Any], scope: str = "s") -> dict[str, Any]:
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {"name": scope}, "logRecords": list(records)}]}]}


def call(**fields: Any) -> dict[str, Any]:
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    return otlp_span(name="chat gpt-4o-mini", attributes=attributes(given), **fields)


def details(**fields: Any) -> dict[str, Any]:
    said = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": orjson.dumps(REPLIED).decode()}
    return of_span("gen_ai.client.inference.operation.details", attributes=said, **fields)


def post(url: str, *bodies: dict[str, Any]) -> None:
    with client_of(url) as client:
        for body in bodies:
            path = "logs" if "resourceLogs" in body else "traces"
            assert client.post(f"/v1/{path}", json=body).json() == {}


def calls(store: Store) -> list[tuple[Any, ...]]:
    """Of each span: its messages, tokens and cost."""
    [row] = store.find_traces(TraceQuery()).traces
    return [
        (
            each["json"].get("gen_ai.input.messages"),
            each["json"].get("gen_ai.output.messages"),
            each["attributes"].get("gen_ai.usage.input_tokens"),
            each.get("cost", {}).get("total_cost"),
        )
        for each in store.spans(row.trace_id)
    ]


@pytest.mark.parametrize("order", ["span first", "log first"])
def test_the_conversation_in_a_log_record_becomes_part_of_its_span(order: str, server_url: str, store: Store) -> None:
    span, said = request(call()), logs(details())
    post(server_url, *([said, span] if order == "log first" else [span, said]))

    assert calls(store) == [(ASKED, REPLIED, 100, 2.7e-05)]
    [row] = store.find_traces(TraceQuery(parse_filter("text CONTAINS 'Lisb'"))).traces
    assert (row.span_count, row.request_preview, row.response_preview) == (1, "Where to?", "Lisbon")
    assert row.usage == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    [statistics] = store.statistics(group_by="model")
    assert (statistics.calls, statistics.input_tokens, statistics.cost) == (1, 100, 2.7e-05)


def test_a_span_that_says_nothing_is_what_its_log_record_says(server_url: str, store: Store) -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 100}
    detailed = of_span("gen_ai.client.inference.operation.details", attributes=said)
    post(server_url, request(otlp_span()), logs(detailed))

    [span] = store.spans(TRACE_ID, payload=False)
    assert (span["type"], span["model"], span["usage"]["input_tokens"]) == ("CHAT_MODEL", "gpt-4o-mini", 100)
    assert [row.group for row in store.statistics(group_by="type")] == ["CHAT_MODEL"]


def messages() -> list[dict[str, Any]]:
    """A tool's use in the events of 2024: bodies are maps, or JSON text as semantic-kernel sends it."""
    tool_call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lisbon"}'}}
    return [
        of_span("gen_ai.system.message", {"content": "Be brief."}, at=START + 1),
        of_span("gen_ai.user.message", orjson.dumps({"role": "user", "content": "Warm?"}).decode(), at=START + 2),
        of_span("gen_ai.assistant.message", {"tool_calls": [tool_call]}, at=START + 3),
        of_span("gen_ai.tool.message", {"id": "c1", "content": "21"}, at=START + 4),
        of_span(
            "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "21 degrees"}}, at=START + 5
        ),
    ]


@pytest.mark.parametrize("order", [*permutations(["span", "first", "rest"]), ("span", "each"), ("each", "span")])
def test_messages_in_log_records_of_their_own_are_one_conversation(
    order: Sequence[str], server_url: str, store: Store
) -> None:
    found = messages()
    sent = {
        "span": [request(call())],
        "first": [logs(*found[:2])],
        "rest": [logs(*found[2:])],
        "each": [logs(each) for each in reversed(found)],
    }
    post(server_url, *(body for name in order for body in sent[name]))
    post(server_url, logs(*found))  # comes again

    [[asked, replied, *_]] = calls(store)
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool"]
    assert [part["type"] for message in asked for part in message["parts"]] == [
        "text",
        "text",
        "tool_call",
        "tool_call_response",
    ]
    assert replied == [
        {"role": "assistant", "parts": [{"type": "text", "content": "21 degrees"}], "finish_reason": "stop"}
    ]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_opentelemetrys_exporters_of_logs_and_spans_deliver(
    compression: Compression, server_url: str, store: Store
) -> None:
    resource = Resource({"service.name": "shop"})
    spans, records = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{server_url}/v1/traces", compression=compression)))
    records.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{server_url}/v1/logs", compression=compression))
    )
    said = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": REPLIED}
    with spans.get_tracer("app").start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}):
        for name in ("gen_ai.client.inference.operation.details", "app.started"):
            record = LogRecord(
                timestamp=time.time_ns(), event_name=name, attributes=said, severity_number=SeverityNumber.INFO
            )
            records.get_logger("app").emit(record)

    assert records.force_flush()
    records.shutdown()
    spans.shutdown()

    assert [each[:2] for each in calls(store)] == [(ASKED, REPLIED)]


def test_log_records_that_say_nothing_of_a_span_are_dropped(server_url: str, store: Store) -> None:
    found = [
        {"timeUnixNano": "1", "body": {"stringValue": "started"}},
        of_span("app.started", "details"),
        log("gen_ai.user.message", {"content": "of no span"}),
        {"traceId": "0" * 32, "spanId": "", "body": {"kvlistValue": {}}},
    ]
    post(server_url, logs(*found))
    post(server_url, {"resourceLogs": []})

    assert store.count_traces() == 0
    assert httpx.post(
        f"{server_url}/v1/logs", content=b"", headers={"Content-Type": "application/x-protobuf"}
    ).is_success


def test_a_log_record_that_breaks_otlp_is_refused_and_the_others_are_kept(server_url: str, store: Store) -> None:
    answer = httpx.post(
        f"{server_url}/v1/logs", json=logs(log("gen_ai.choice", traceId="short", spanId=SPAN_ID), details())
    )
    post(server_url, request(call()))

    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedLogRecords"]) == (200, "1")
    assert "traceId is 'short'" in partial["errorMessage"]
    assert calls(store)[0][0] == ASKED


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 400), (b"{", 400), (b'{"resourceLogs":5}', 400), (b'{"resourceLogs":[5]}', 400)],
)
def test_a_body_that_is_no_request_with_logs_is_refused(body: bytes, status: int, server_url: str) -> None:
    answer = httpx.post(
        f"{server_url}/v1/logs",
        content=gzip.compress(body),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )

    assert (answer.status_code, answer.json()["code"]) == (status, 3)


def test_a_request_brings_so_many_log_records_and_no_more(server_url: str) -> None:
    answer = httpx.post(f"{server_url}/v1/logs", json=logs(*[{}] * 10_001))

    assert (answer.status_code, answer.json()["message"][:39]) == (413, "the body has more than 10000 log record")


def test_logs_need_the_token(guarded: httpx.Client) -> None:
    assert guarded.post("/v1/logs", json=logs()).status_code == 401
    assert guarded.post(
        "/v1/logs", json=logs(), headers={"Authorization": "Bearer a-token-of-enough-letters"}
    ).is_success


def test_no_secret_of_a_log_record_reaches_the_disk(server_url: str, store: Store, tmp_path: Path) -> None:
    secret = "sk-proj-tellnobodytellnobodytellnobody"
    post(server_url, logs(of_span("gen_ai.user.message", {"content": f"my key is {secret}"})))

    assert all(secret.encode() not in each.read_bytes() for each in tmp_path.iterdir() if each.is_file())


def test_a_picture_in_a_log_record_becomes_an_attachment_of_the_trace(server_url: str, store: Store) -> None:
    picture = b"\x89PNG\r\n" + bytes(3000)
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(picture).decode()}"}}
    ]
    post(server_url, logs(of_span("gen_ai.user.message", {"content": content})), request(call()))

    [[asked, *_]] = calls(store)
    digest = asked[0]["parts"][0]["uri" if "uri" in asked[0]["parts"][0] else "content"].rpartition(":")[2][:64]
    assert store.attachment(digest) == ("image/png", picture)
    store.delete_traces(trace_ids=[TRACE_ID])
    assert store.attachment(digest) is None


def test_a_server_that_is_started_anew_between_log_and_span_joins_them(store_url: str) -> None:
    for bodies in ([logs(*messages()[:2])], [request(call())], [logs(*messages()[2:])]):
        with running_server(store_url) as url:
            post(url, *bodies)

    store = open_store(store_url)
    [[asked, replied, *_]] = calls(store)
    store.close()
    assert (len(asked), len(replied)) == (4, 1)


def test_a_log_record_that_comes_late_shows_in_what_is_read_from_a_position_on(server_url: str) -> None:
    post(server_url, request(call()))
    with client_of(f"{server_url}/api/v1") as client:
        before = client.get(f"/traces/{TRACE_ID}").json()
        post(server_url, logs(details()))
        after = client.get(f"/traces/{TRACE_ID}", params={"position": before["position"]}).json()
        record = client.get(f"/traces/{TRACE_ID}/records").json()["records"][0]

    assert [each["span_id"] for each in after["spans"]] == [SPAN_ID]
    assert after["trace"]["seq"] > before["trace"]["seq"]
    assert {"joined", "known_as"}.isdisjoint(record)


def test_a_trace_with_log_records_is_deleted_without_a_rest(server_url: str, store: Store, tmp_path: Path) -> None:
    post(server_url, request(call(), otlp_span(spanId="11" * 8, name="other")))
    store.index_more()
    post(server_url, logs(details()))
    store.index_more()
    post(
        server_url,
        logs(*messages()),
        logs(of_span("gen_ai.choice", {"message": {"content": "x"}}) | {"spanId": "22" * 8}),
    )

    assert store.delete_traces(trace_ids=[TRACE_ID]) == 1
    with sqlite3.connect(tmp_path / "tracer.db") as database:
        for table in ("spans", "chunks", "replaced", "logs", "hours", "covered_hours", "labels"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        assert database.execute("SELECT count(*) FROM texts WHERE texts MATCH 'lisbon'").fetchone() == (0,)
        assert database.execute("SELECT value FROM counters WHERE name = 'spans'").fetchone() == (0,)
        database.execute("INSERT INTO texts(texts) VALUES ('integrity-check')")
    database.close()

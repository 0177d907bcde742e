"""What one door refuses no other door takes in, and what was taken in can be read by everybody."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.server.conftest import ROOT_ID, SECOND, START, TRACE_ID, span
from tracer import semconv
from tracer.cli.importing import command as import_command

pytestmark = pytest.mark.no_store
SPAN_PATH = f"/traces/{TRACE_ID}/spans/{ROOT_ID}"
CONTENT = bytes(range(256)) * 8


def post(client: httpx.Client, *records: dict[str, Any]) -> None:
    content = b"\n".join(map(orjson.dumps, records))
    client.post("/records", content=content, headers={"Content-Type": "application/x-ndjson"}).raise_for_status()


def otlp(attributes: list[dict[str, Any]] | None = None, start: int = START) -> dict[str, Any]:
    found = {
        "traceId": TRACE_ID,
        "spanId": ROOT_ID,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(START + SECOND),
        "attributes": attributes or [],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [found]}]}]}


@pytest.mark.parametrize("start", [-(2**63), -1, 2**63, 2**64 - 1])
def test_a_time_that_cannot_be_leaves_the_histogram_readable(
    start: int, client: httpx.Client, server_url: str, store_url: str, tmp_path: Path
) -> None:
    post(client, span(start=start), span(trace_id="1" * 32))
    post(client, {"kind": "start", "trace_id": "2" * 32, "span_id": ROOT_ID, "start": start})
    httpx.post(f"{server_url}/v1/traces", json=otlp(start=start))
    protobuf = ExportTraceServiceRequest()
    found = protobuf.resource_spans.add().scope_spans.add().spans.add()
    found.trace_id, found.span_id, found.start_time_unix_nano = b"3" * 16, b"3" * 8, start % 2**64
    headers = {"Content-Type": "application/x-protobuf"}
    httpx.post(f"{server_url}/v1/traces", content=protobuf.SerializeToString(), headers=headers)
    (tmp_path / "lines.jsonl").write_bytes(orjson.dumps(otlp(start=start)))
    CliRunner().invoke(import_command, [str(tmp_path / "lines.jsonl"), "--store", store_url])

    times = [trace["start_ns"] for trace in client.get("/traces").json()["traces"]]
    assert times == sorted(times, reverse=True)
    assert set(times) <= {0, START}
    assert client.get("/traces/histogram").json()["count"] == len(times) >= 2


@pytest.mark.parametrize("name", ["since_ns", "until_ns"])
@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
def test_the_histogram_takes_any_time(name: str, value: int, client: httpx.Client, write: Callable[..., None]) -> None:
    write(span())

    assert client.get("/traces/histogram", params={name: value}).status_code == 200


@pytest.mark.parametrize("seconds", [1e11, 1e300, -1, 2**63, "1", None, [1]])
def test_a_time_to_the_first_chunk_that_cannot_be_leaves_its_span_readable(
    seconds: object, client: httpx.Client
) -> None:
    post(client, span(attributes={semconv.TIME_TO_FIRST_CHUNK: seconds}))

    assert client.get(SPAN_PATH).json()["first_chunk_ns"] is None


def test_an_attachment_under_a_digest_that_is_not_its_own_is_refused(client: httpx.Client) -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    for content in ("Yg==", "", "Y", None, 5):
        post(client, {"kind": "attachment", "id": digest, "mime": "text/plain", "content": content})
    assert client.get(f"/attachments/{digest}").status_code == 404

    post(client, {"kind": "attachment", "id": digest, "mime": "text/plain", "content": "YQ=="})

    assert client.get(f"/attachments/{digest}").content == b"a"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_an_attachment_over_otlp_is_the_content_that_was_sent(
    encode: Callable[[bytes], bytes], client: httpx.Client, server_url: str
) -> None:
    url = f"data:image/png;base64,{encode(CONTENT).decode()}"
    attributes = [{"key": "picture", "value": {"stringValue": url}}]

    httpx.post(f"{server_url}/v1/traces", json=otlp(attributes)).raise_for_status()

    assert client.get(f"/attachments/{hashlib.sha256(CONTENT).hexdigest()}").content == CONTENT


@pytest.mark.parametrize("time", [None, "x", -(2**63), 2**64 - 1, 1.5, [], {}])
def test_a_version_or_run_with_a_time_that_cannot_be_is_readable(time: object, client: httpx.Client) -> None:
    post(client, {"kind": "model", "model_id": "m", "created": START, "time": 1})
    post(client, {"kind": "model", "model_id": "m", "created": time, "time": time})
    post(client, {"kind": "run", "run_id": "r", "started": time, "ended": time, "time": time})

    assert client.get("/models").json()["models"][0]["created_ns"] == START
    assert client.get("/runs").json()["runs"][0]["started_ns"] == 0


def test_fields_of_the_wrong_type_are_left_out_of_every_kind_of_record(client: httpx.Client) -> None:
    wrong = {"status": 5, "type": 5, "dropped": {"events": "x"}, "links": [{}], "scope": 1, "otel_kind": "x"}
    post(client, span(**wrong, attributes={semconv.REQUEST_MODEL: 5, semconv.PROVIDER: ["x"]}))
    assessment = {"kind": "assessment", "id": "a", "trace_id": TRACE_ID, "name": "n", "value": 1}
    post(client, {**assessment, "type": "other", "source": {"type": 1}, "metadata": 5, "time": "x"})
    post(client, {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "state": "ODD", "tags": 5})

    [trace] = client.get("/traces").json()["traces"]
    [kept] = trace["assessments"]
    whole = client.get(SPAN_PATH).json()
    assert (trace["state"], trace["tags"]) == ("OK", {})
    assert (kept["type"], kept["source"], kept["metadata"], kept["time_ns"]) == ("feedback", {}, {}, 0)
    assert [whole[name] for name in ("status", "type", "links", "scope", "model", "provider")] == [
        *("UNSET", "UNKNOWN", [], None, None, None)
    ]
    assert whole["dropped"] == {"attributes": 0, "events": 0, "links": 0}


def test_not_of_not_like_is_a_filter(client: httpx.Client, write: Callable[..., None]) -> None:
    write(span(), {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "session_id": "s"}, span(trace_id="1" * 32))

    for path in ("/traces", "/sessions", "/traces/histogram", "/traces/facets", "/versions", "/statistics"):
        assert client.get(path, params={"filter": "NOT session NOT LIKE '_'"}).status_code == 200


def test_a_time_in_a_filter_that_is_too_far_from_now_is_an_error_in_the_filter(client: httpx.Client) -> None:
    answer = client.get("/traces", params={"filter": "timestamp > now-1e400w"})

    assert (answer.status_code, answer.json()["error"]["position"]) == (400, 12)


@pytest.mark.parametrize(
    "messages", ["text", [5], [{"parts": []}], [{"role": "user", "parts": [{}]}], {"role": "user"}]
)
def test_messages_that_are_none_stay_among_the_attributes(messages: object, client: httpx.Client) -> None:
    post(client, span(json={semconv.INPUT_MESSAGES: messages}))

    whole = client.get(SPAN_PATH).json()
    assert whole["attributes"] == {semconv.INPUT_MESSAGES: messages}
    for message in whole["input_messages"]:  # as what they can be shown
        assert all(isinstance(part["type"], str) for part in message["parts"])

"""The figures for Prometheus: what came in, what was refused and why, latencies by route, sizes; no text of users."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.engines import ENGINE
from tests.server.conftest import SECOND, TOKEN, client_of, span

pytestmark = pytest.mark.no_store
SPANS_IN = "database" if ENGINE == "sqlite" else "spans"
NDJSON = {"Content-Type": "application/x-ndjson"}


def figures(client: httpx.Client, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every figure by its name and the values of its labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


@pytest.fixture
def root(server_url: str) -> Iterator[httpx.Client]:
    """Calls the server without a token, from its root."""
    with client_of(server_url) as found:
        yield found


def post(client: httpx.Client, *records: dict[str, Any]) -> int:
    content = b"\n".join(map(orjson.dumps, records))
    return client.post("/api/v1/records?owner=1-far", content=content, headers=NDJSON).status_code


def test_figures_want_the_token(guarded: httpx.Client) -> None:
    assert guarded.get("/metrics").status_code == 401

    assert figures(guarded, Authorization=f"Bearer {TOKEN}")


def test_figures_count_what_came_in_by_each_door(root: httpx.Client) -> None:
    now = time.time_ns()
    assert post(root, span(start=now - SECOND, end=now), span(span_id="2" * 16, start=now - SECOND, end=now)) == 204
    sent = {"traceId": "1" * 32, "spanId": "1" * 16, "startTimeUnixNano": str(now), "endTimeUnixNano": str(now)}
    broken = {**sent, "spanId": "no"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [sent, broken]}]}]}
    assert root.post("/v1/traces", json=body).status_code == 200

    found = figures(root)

    assert found["tracer_records_accepted_total", ("records",)] == 2
    assert found["tracer_records_accepted_total", ("otlp_traces",)] == 1
    assert found["tracer_spans_accepted_total", ("records",)] == 2
    assert found["tracer_spans_accepted_total", ("otlp_traces",)] == 1
    assert found["tracer_records_refused_total", ("otlp_traces",)] == 1
    assert found["tracer_ingest_delay_seconds_count", ("records",)] == 1
    assert found["tracer_ingest_delay_seconds_bucket", ("records", "300.0")] == 1
    assert found["tracer_ingest_delay_seconds_count", ("otlp_traces",)] == 1


def test_figures_count_refused_requests_by_their_reason(root: httpx.Client, guarded: httpx.Client) -> None:
    assert post(root, span(trace_id=5)) in (204, 400)
    assert root.post("/v1/traces", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert root.post("/v1/logs", content=b"", headers={"Content-Type": "text/plain"}).status_code == 415
    assert root.post("/api/v1/records", content=b"", headers={"Content-Type": "text/plain"}).status_code == 415
    assert guarded.post("/v1/traces", json={}).status_code == 401

    found, behind_token = figures(root), figures(guarded, Authorization=f"Bearer {TOKEN}")

    assert found["tracer_batches_refused_total", ("otlp_traces", "invalid")] == 1
    assert found["tracer_batches_refused_total", ("otlp_logs", "media_type")] == 1
    assert found["tracer_batches_refused_total", ("records", "media_type")] == 1
    assert behind_token["tracer_batches_refused_total", ("otlp_traces", "unauthorized")] == 1


def test_figures_name_routes_by_their_pattern_and_hold_no_text_of_a_caller(root: httpx.Client) -> None:
    for path in ("traces/anna", "sessions/anna%2Fberlin", "traces?filter=user%20%3D%20'anna'", "anna"):
        root.get(f"/api/v1/{path}")
    root.get("/anna")
    root.request("ANNA", "/api/v1/traces")
    post(root, span(name="anna", attributes={"anna": "anna"}))

    text = root.get("/metrics").text
    found = figures(root)

    assert "anna" not in text.lower()
    assert found["tracer_http_requests_total", ("GET", "/api/v1/traces/{trace_id}", "404")] == 1
    assert found["tracer_http_requests_total", ("GET", "/api/v1/sessions/{session_id:path}", "404")] == 1
    assert found["tracer_http_request_duration_seconds_count", ("GET", "/api/v1/traces")] == 1
    assert found["tracer_http_requests_total", ("other", "/api/v1/traces", "405")] == 1


def test_figures_tell_sizes_and_what_is_going_on(root: httpx.Client) -> None:
    post(root, span())

    found = figures(root)

    parts = {labels[0]: size for (name, labels), size in found.items() if name == "tracer_store_bytes"}
    assert parts[SPANS_IN] > 0
    assert found.get(("tracer_store_free_bytes", ()), 0) > 0 or ENGINE != "sqlite"
    assert found["tracer_http_requests_in_flight", ()] == 1
    assert found["tracer_index_lag_seconds", ()] >= 0
    assert found["tracer_live_listeners", ()] == found["tracer_writes_waiting", ()] == 0
    assert found["process_resident_memory_bytes", ()] > 0


def test_index_lag_ends_when_words_are_found(root: httpx.Client, write: Callable[..., None]) -> None:
    write(span())

    for _ in range(100):
        traces = root.get("/api/v1/traces", params={"filter": "text CONTAINS 'Lisbon'"}).json()["traces"]
        if traces and figures(root)["tracer_index_lag_seconds", ()] == 0:
            return
        time.sleep(0.1)
    pytest.fail("the index stays behind")

"""An engine that hangs: its connections stay open, and nothing comes."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.clickhouse.engine import engine_process
from tests.server_process import server_process
from tests.store.records import span
from tracer.server import running_server

pytestmark = pytest.mark.no_store
WITHIN_SECONDS = 15  # less than the driver waits for an engine
RECORDS, OTLP = "/api/v1/records", "/v1/traces"


@pytest.fixture(autouse=True)
def _engine_there() -> None:
    pytest.importorskip("chdb", reason="tests/run.py makes an environment with it")


def post(url: str, number: int) -> list[httpx.Response]:
    """A trace by each door."""
    line = span(f"{number:032x}", f"{number:016x}")
    ids = {"traceId": f"{number + 100:032x}", "spanId": f"{number:016x}"}
    sent = {**ids, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [sent]}]}]}
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(
                httpx.post, url + RECORDS, content=line, headers={"Content-Type": "application/x-ndjson"}, timeout=60
            ),
            pool.submit(httpx.post, url + OTLP, json=body, timeout=60),
        ]
        return [each.result() for each in both]


def test_the_figures_that_need_no_store_are_answered_while_the_engine_hangs(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (engine, address), running_server(f"clickhouse://{address}/traces") as url:
        post(url, 1)
        before = httpx.get(f"{url}/metrics").text
        engine.send_signal(signal.SIGSTOP)
        answers = [httpx.get(f"{url}/metrics", timeout=WITHIN_SECONDS) for _ in range(2)]
        engine.send_signal(signal.SIGCONT)
        after = httpx.get(f"{url}/metrics", timeout=WITHIN_SECONDS).text

    assert [answer.status_code for answer in answers] == [200, 200]
    for text in (before, after, *(answer.text for answer in answers)):
        assert 'tracer_records_accepted_total{door="records"} 1.0' in text
    has_sizes = ['tracer_store_bytes{part="spans"}' in text for text in (before, answers[1].text, after)]
    assert has_sizes == [True, False, True]


@pytest.mark.slow
def test_what_waits_for_a_hung_engine_when_the_server_is_told_to_end_is_answered_with_503(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (engine, address), server_process(f"clickhouse://{address}/traces") as started:
        server, url = started
        taken = post(url, 1)
        engine.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(post, url, 2)
            while "tracer_http_requests_in_flight 3.0" not in httpx.get(f"{url}/metrics", timeout=WITHIN_SECONDS).text:
                pass
            server.send_signal(signal.SIGTERM)
            answers = waiting.result()
        code = server.wait(30)

    assert [answer.status_code for answer in taken] == [204, 200]
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [(503, "2"), (503, "2")]
    assert code == 0

"""A process that was killed on another machine is marked as interrupted when its heartbeats cease."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest

import tracer
from tests.server.conftest import START
from tracer._journal import drainer
from tracer.server import ServerSettings, running_server

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "import sys, tracer\n"
    "span = tracer.start_span_no_context('runs')\n"
    "assert tracer.flush()\n"
    "print(span.trace_id, flush=True)\n"
    "sys.stdin.read()\n"
)


class Clock:
    """Time of the server, so that heartbeats are in time on a slow machine, too."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@contextmanager
def program(store: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process in which a trace runs, and the id of that trace."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": store},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def states(url: str) -> dict[str, str]:
    return {trace["trace_id"]: trace["state"] for trace in httpx.get(f"{url}/api/v1/traces").json()["traces"]}


@pytest.mark.no_store
def test_traces_of_a_process_without_heartbeats_are_interrupted_and_no_others(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("tracer.server.heartbeats.time", clock)
    far = "f" * 32
    start = {"kind": "start", "trace_id": far, "span_id": "f" * 16, "name": "far", "start": START}

    def heartbeat(url: str, content: bytes = b"") -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = httpx.post(f"{url}/api/v1/records?owner=9-far", content=content, headers=headers)
        assert answer.status_code == 204

    with (
        running_server(store_url, ServerSettings(port=0, heartbeat_timeout_seconds=0.6)) as url,
        program(store_url) as (_, here),
        program(url) as (killed, silent),
    ):
        heartbeat(url, orjson.dumps(start))
        killed.kill()
        killed.wait()
        clock.now = 0.4
        heartbeat(url)
        clock.now = 0.8
        while states(url)[silent] == "IN_PROGRESS":
            pass
        after = states(url)

    assert after == {silent: "INTERRUPTED", here: "IN_PROGRESS", far: "IN_PROGRESS"}


def test_a_program_with_nothing_to_send_sends_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drainer, "_RECOVER_SECONDS", 0.01)
    monkeypatch.setattr(drainer, "_HEARTBEAT_SECONDS", 0.0)
    owners: list[str] = []
    has_arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            if not self.rfile.read(int(self.headers["Content-Length"])) and parts.path == "/api/v1/records":
                owners.extend(parse_qs(parts.query)["owner"])
                has_arrived.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        tracer.set_tracking_uri(f"http://127.0.0.1:{server.server_port}")
        span = tracer.start_span_no_context("runs")
        assert has_arrived.wait(30)
        span.end()
        tracer.reset()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert owners[0].startswith(f"{os.getpid()}-")

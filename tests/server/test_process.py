"""`tracer server` as a process: its log, and how it ends."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import orjson
import pytest

from tests.server.conftest import TOKEN, client_of, span
from tracer._catalog.folder import FolderCatalog
from tracer.store import open_store

ROOT = Path(__file__).resolve().parents[2]
NDJSON = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {TOKEN}"}
LARGE = 48  # spans of 1 MiB, more than the kernel holds: a server to which they were sent reads the request
pytestmark = [pytest.mark.no_store, pytest.mark.sqlite_only("the file is looked into beside the server")]


class Served:
    """A process, and what it writes to standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._has_url = threading.Event()
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._has_url.wait(60), self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(r"http://\S+:\d+", line):
                self.url = found.group()
                self._has_url.set()

    def ended(self, seconds: float = 60) -> int:
        """Its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code


@contextmanager
def served(store: Path | str, *options: str, token: str | None = TOKEN) -> Iterator[Served]:
    command = [sys.executable, "-m", "tracer", "server", "--port", "0", "--store", str(store), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({} if token is None else {"TRACER_TOKEN": token})}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def post(client: httpx.Client, number: int) -> bool:
    """Send a trace; whether it was acknowledged."""
    line = orjson.dumps(span(trace_id=f"{number:032x}", json={"tracer.inputs": "x" * 2000}))
    return client.post("/api/v1/records", content=line, headers=NDJSON).status_code == 204


def test_nothing_acknowledged_is_lost_by_a_server_that_is_told_to_end_under_load(tmp_path: Path) -> None:
    acknowledged: set[int] = set()

    def send(first: int, url: str) -> None:
        with suppress(httpx.HTTPError), client_of(url) as client:
            for number in range(first, first + 100_000):
                if post(client, number):
                    acknowledged.add(number)

    with served(tmp_path / "traces.db") as server:
        threads = [threading.Thread(target=send, args=(1 + n * 100_000, server.url)) for n in range(8)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 100:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        code = server.ended(30)
        for thread in threads:
            thread.join()

    store = open_store(f"sqlite:///{tmp_path / 'traces.db'}")
    kept = {int(trace_id, 16) for trace_id, spans in _spans(store, acknowledged).items() if spans}
    store.close()
    assert code == 0
    assert len(acknowledged) >= 100
    assert acknowledged - kept == set()


def _spans(store: object, numbers: set[int]) -> dict[str, object]:
    return store.spans_of([f"{number:032x}" for number in numbers], payload=False)  # type: ignore[attr-defined,no-any-return]


def test_a_request_that_runs_is_answered_before_the_end(tmp_path: Path) -> None:
    def body() -> Iterator[bytes]:
        large = orjson.dumps(span(trace_id="1" * 32, json={"tracer.outputs": "x" * (1 << 20)}))
        for _ in range(LARGE):
            yield large + b"\n"
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        yield orjson.dumps(span(trace_id="2" * 32))

    with served(tmp_path / "traces.db") as server, client_of(server.url) as client:
        answer = client.post("/api/v1/records", content=body(), headers=NDJSON)
        code = server.ended()

    assert (answer.status_code, code) == (204, 0)
    with sqlite3.connect(tmp_path / "traces.db") as connection:
        assert connection.execute("SELECT count(*) FROM traces").fetchone() == (2,)
    connection.close()


def test_a_server_that_drains_goes_on_and_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path / "traces.db", "--drain", "60") as server, client_of(server.url) as client:
        assert client.get("/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        while (answer := client.get("/ready")).status_code == 200:
            time.sleep(0.01)
        is_taken = post(client, 1)
        server.process.send_signal(signal.SIGTERM)  # does not wait for the rest
        code = server.ended()

    assert answer.json()["error"]["message"] == "the server is shutting down"
    assert (is_taken, code) == (True, 0)


@pytest.mark.slow
def test_a_server_whose_store_hangs_ends_within_a_bound(tmp_path: Path) -> None:
    def send() -> None:
        with suppress(httpx.HTTPError):
            post(client, 2)

    with served(tmp_path / "traces.db") as server, client_of(server.url) as client:
        assert post(client, 1)
        holder = sqlite3.connect(tmp_path / "traces.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        code = server.ended(25)
        holder.close()
        sender.join()

    assert code == 0


def requests_in(lines: list[str]) -> list[dict[str, object]]:
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry for entry in found if entry["logger"] == "tracer.server.requests"]


def test_the_log_is_a_json_object_a_line_with_a_line_a_request(tmp_path: Path) -> None:
    with served(tmp_path / "traces.db", "--log-format", "json", "--log-requests") as server:
        with client_of(server.url) as client:
            client.get("/api/v1/traces/anna?filter=anna", headers=NDJSON)
            client.get(f"/api/v1/traces?token={TOKEN}")
            post(client, 1)
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0

    text = "\n".join(server.lines)
    assert [line for line in server.lines if not line.startswith("{")] == []
    assert json.loads(server.lines[0])["message"].startswith("tracer serves ")
    found = [(entry["method"], entry["route"], entry["status"]) for entry in requests_in(server.lines)]
    assert found == [
        ("GET", "/api/v1/traces/{trace_id}", 400),
        ("GET", "/api/v1/traces", 401),
        ("POST", "/api/v1/records", 204),
    ]
    assert "anna" not in text
    assert TOKEN not in text


def test_the_first_key_of_a_server_of_projects_is_in_a_line_of_json(tmp_path: Path) -> None:
    with served(f"{tmp_path}/", "--log-format", "json") as server, client_of(server.url) as client:
        assert client.get("/health").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0

    serves, first = map(json.loads, server.lines)
    assert serves["message"] == f"tracer serves the projects in {tmp_path} at {server.url}/"
    assert first["message"] == "The first administrator's key, of the project default, which is shown this once"
    with closing(FolderCatalog(tmp_path)) as catalog:
        caller = catalog.caller(first["key"])
    assert caller is not None
    assert caller.roles == ("admin",)


def test_a_token_that_was_made_for_the_start_is_in_a_line_of_json(tmp_path: Path) -> None:
    options = ("--host", "127.1", "--log-format", "json")  # loopback for the system, and not known as such to tracer
    with served(tmp_path / "traces.db", *options, token=None) as server, client_of(server.url) as client:
        assert client.get("/health").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0

    serves, token = map(json.loads, server.lines)
    assert "#token=" not in serves["message"]
    assert re.fullmatch(r"http://127\.1:\d+/#token=[\w-]{32}", token["link"])


def test_the_log_tells_the_cause_of_an_error_without_secrets(tmp_path: Path) -> None:
    code = (
        "import logging\n"
        "from tracer.server.logs import write_log\n"
        "import sys\n"
        "write_log(sys.argv[1])\n"
        "try:\n"
        "    try:\n"
        "        raise ValueError('Authorization: Bearer ' + sys.argv[2])\n"
        "    except ValueError as error:\n"
        "        raise OSError('disk\\x1b[2J full ' + 'x' * 9000) from error\n"
        "except OSError:\n"
        "    logging.getLogger('tracer').exception('an answer failed')\n"
        "logging.getLogger('elsewhere').info('nothing')\n"
    )

    secret = secrets.token_urlsafe(30)

    def log(format: str) -> str:
        command = [sys.executable, "-c", code, format, secret]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stderr

    text, [line] = log("text"), log("json").splitlines()

    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "tracer", "an answer failed")
    assert entry["error"]["type"] == "OSError"
    assert "ValueError" in entry["error"]["traceback"]
    assert len(line) < 10_000
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 error   an answer failed\n    Traceback", text)
    assert "OSError: disk" in text
    assert secret not in text + line
    assert "\x1b" not in text

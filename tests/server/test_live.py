"""Live updates across processes, and an end that cuts nothing off."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from tests.server.conftest import START, TOKEN, TRACE_ID, span
from tests.waiting import appears
from tracer.store import open_store

pytestmark = pytest.mark.no_store
ROOT = Path(__file__).resolve().parents[2]


def numbers(answer: httpx.Response) -> Iterator[int]:
    """The change numbers of an event stream."""
    for line in answer.iter_lines():
        if line.startswith("data:"):
            yield orjson.loads(line[5:])["seq"]


def append_elsewhere(store_url: str, number: int) -> None:
    """Write a span from another process."""
    record = orjson.dumps(span(trace_id=f"{number:032x}")).decode()
    program = f"from tracer.store import open_store; open_store({store_url!r}).append([{record!r}.encode()])"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_live_changes_of_another_process_are_sent(client: httpx.Client, store_url: str) -> None:
    with client.stream("GET", "/events") as stream:
        told = numbers(stream)
        first = next(told)
        append_elsewhere(store_url, 1)
        second = next(told)
        append_elsewhere(store_url, 2)
        third = next(told)

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert first < second < third
    page = client.get("/traces", params={"changed_since": second}).json()
    assert [trace["trace_id"] for trace in page["traces"]] == [f"{2:032x}"]
    assert client.get("/changes", params={"since": first}).json()["trace_ids"] == [f"{1:032x}", f"{2:032x}"]


def test_live_changes_are_sent_to_every_listener(client: httpx.Client, store_url: str) -> None:
    with client.stream("GET", "/events") as one, client.stream("GET", "/events") as other:
        told = [numbers(one), numbers(other)]
        before = [next(listener) for listener in told]
        append_elsewhere(store_url, 1)

        after = [next(listener) for listener in told]

    assert after == [before[0] + 1] * 2


def test_a_running_trace_grows_by_position(client: httpx.Client, store_url: str) -> None:
    store = open_store(store_url)

    def append(*records: dict[str, object]) -> None:
        store.append([orjson.dumps(record) for record in records], owner="1-a")

    append({"kind": "start", "trace_id": TRACE_ID, "span_id": "a" * 16, "name": "agent", "start": START})
    append(span(span_id="b" * 16, parent_id="a" * 16, name="first"))
    before = client.get(f"/traces/{TRACE_ID}").json()
    append(span(span_id="c" * 16, parent_id="a" * 16, name="second"))
    during = client.get(f"/traces/{TRACE_ID}", params={"position": before["position"]}).json()
    append(span(span_id="a" * 16))
    after = client.get(f"/traces/{TRACE_ID}", params={"position": during["position"]}).json()
    store.close()

    def said(answer: dict[str, object]) -> list[tuple[str, str]]:
        return [(span["name"], span["status"]) for span in answer["spans"]]  # type: ignore[attr-defined, index]

    assert before["trace"]["state"] == "IN_PROGRESS"
    assert said(before) == [("agent", "IN_PROGRESS"), ("first", "UNSET")]
    assert said(during) == [("agent", "IN_PROGRESS"), ("second", "UNSET")]
    assert said(after) == [("agent", "UNSET")]
    assert (after["trace"]["state"], after["position"]) == ("OK", 3)


@contextmanager
def server_process(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """``tracer server`` or ``tracer ui`` as a process of its own: the process, its URL and the token it made."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", *arguments, "--port", "0"],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline() + process.stderr.readline()
        link = re.search(r"(http://\S+?)/(?:#token=(\S+))?\s", said)
        assert link is not None, said + process.stderr.read()
        yield process, link[1], link[2] or ""
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_end_the_server_in_order(number: signal.Signals, tmp_path: Path) -> None:
    with server_process("ui", "--no-open", "--store", "t.db", cwd=tmp_path) as (process, url, _):
        with httpx.stream("GET", f"{url}/api/v1/events", timeout=30) as stream:
            told = numbers(stream)
            next(told)
            process.send_signal(number)
            assert list(told) == []  # the stream ends, and whole
        process.wait(30)

        assert process.returncode == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_shutdown_completes_requests_in_progress(tmp_path: Path) -> None:
    with server_process("server", "--store", "t.db", cwd=tmp_path) as (process, url, _):
        host, _, port = url.removeprefix("http://").rpartition(":")
        body = orjson.dumps(span())
        with socket.create_connection((host, int(port)), timeout=30) as sending:
            head = (
                f"POST /api/v1/records HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-ndjson\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            sending.sendall(head.encode() + body[:10])
            httpx.get(f"{url}/api/v1/server")  # by now the server has seen the beginning
            process.terminate()
            wait_until_refused(host, int(port))
            sending.sendall(body[10:])
            answer = sending.recv(1000)
        process.wait(30)

    assert answer.startswith(b"HTTP/1.1 204")
    store = open_store(f"sqlite:///{tmp_path / 't.db'}")
    assert store.count_traces() == 1
    store.close()


def wait_until_refused(host: str, port: int) -> None:
    """The server takes no more connections: it is ending."""
    while True:
        try:
            socket.create_connection((host, port), timeout=30).close()
        except ConnectionError:
            return


def test_on_other_addresses_a_token_is_made_and_wanted(tmp_path: Path) -> None:
    with server_process("server", "--host", "0.0.0.0", "--store", "t.db", cwd=tmp_path) as (_, url, token):
        assert len(token) >= 16
        assert httpx.get(f"{url}/api/v1/traces").status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/api/v1/traces", headers=headers).status_code == 200


def test_a_token_from_the_user_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_TOKEN", TOKEN)
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opening\nmv opening opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", "./browser")  # of the server's folder: a browser's path may hold no space

    with server_process("ui", "--store", "t.db", cwd=tmp_path) as (process, url, shown):
        assert appears(opened)
        link = opened.read_text().strip()
        page, _, code = link.partition("#token=")
        signed_in = [httpx.post(f"{url}/api/v1/sign-in", json={"token": code}).status_code for _ in range(2)]
        process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()

    assert (page, shown, signed_in) == (f"{url}/", "", [204, 401])
    assert TOKEN not in link + said


def test_traces_of_programs_that_were_killed_show(tmp_path: Path) -> None:
    program = (
        "import os, signal, tracer\n"
        "tracer.configure(store='t.db')\n"
        "with tracer.start_span('ended'): pass\n"
        "tracer.start_span_no_context('cut off')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )

    with (
        server_process("ui", "--no-open", "--store", "t.db", cwd=tmp_path) as (_, url, _),
        httpx.stream("GET", f"{url}/api/v1/events", timeout=30) as stream,
    ):
        for _ in numbers(stream):
            traces = httpx.get(f"{url}/api/v1/traces").json()["traces"]
            states = {trace["name"]: trace["state"] for trace in traces}
            if states.get("cut off") == "INTERRUPTED":
                break

    assert states == {"ended": "OK", "cut off": "INTERRUPTED"}


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-m", "tracer", "ui", "--no-open", "--store", "t.db", "--port", port],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert ran.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in ran.stderr
    assert "Traceback" not in ran.stderr

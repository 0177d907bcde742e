"""A served model and clients that mean no good, or do not read; workers that end."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import tracer
from tests.models.conftest import WriteModel
from tests.models.serve import WAIT_SECONDS, Served
from tests.waiting import PATIENCE, appears, until
from tracer.models import load_model, log_model

uvicorn = pytest.importorskip("uvicorn", exc_type=ImportError)

from tracer.models.serving import Serving, serve  # noqa: E402
from tracer.models.serving_app import Limits, ModelServer  # noqa: E402
from tracer.server.protocol import LimitedProtocol  # noqa: E402

QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}
ENDLESS = """
from pathlib import Path
class Endless(ChatModel):
    def predict(self, context, messages, params):
        return {"choices": [{"message": {"role": "assistant", "content": "whole"}}]}
    def predict_stream(self, context, messages, params):
        try:
            while True:
                yield {"choices": [{"delta": {"content": "x" * 100_000}}]}
        finally:
            Path("stream-ended").touch()
set_model(Endless())
"""
DIES = """
import os
class Dies(ChatModel):
    def predict(self, context, messages, params):
        if messages[-1].content == "die":
            os._exit(3)
        return {"choices": [{"message": {"role": "assistant", "content": str(os.getpid())}}]}
set_model(Dies())
"""
NO_WORKER = """
import multiprocessing
import os
if multiprocessing.parent_process() is not None:
    os._exit(CODE)
class Alone(ChatModel):
    def predict(self, context, messages, params):
        return {"choices": [{"message": {"role": "assistant", "content": "here"}}]}
set_model(Alone())
"""


@contextlib.contextmanager
def served_here(model_uri: str, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The root URL of a model that is served in a thread."""
    servers: list[Any] = []

    class Server(uvicorn.Server):  # type: ignore[name-defined, misc]
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(uvicorn, "Server", Server)
    urls: queue.SimpleQueue[str] = queue.SimpleQueue()
    running = threading.Thread(
        target=serve,
        args=(Serving(model_uri, port=0), limits),
        kwargs={"on_ready": lambda model, url: urls.put(url)},
    )
    running.start()
    try:
        yield urls.get(timeout=PATIENCE)
    finally:
        assert until(lambda: bool(servers) and servers[0].started)
        servers[0].should_exit = True
        running.join(PATIENCE)


def connected(url: str) -> socket.socket:
    place = urlsplit(url)
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((place.hostname, place.port))
    return connection


def test_a_connection_without_complete_headers_is_closed(echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "header_seconds", 0.1)
    with (
        served_here(log_model("echo", echo).model_uri, Limits(), monkeypatch) as url,
        connected(url) as connection,
    ):
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

        assert connection.recv(100) == b""


def test_a_client_that_does_not_read_keeps_no_thread(
    write_model: WriteModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedProtocol, "read_seconds", 0.1)
    model = log_model("endless", write_model(ENDLESS), input_example=False)
    with (
        served_here(model.model_uri, Limits(threads=1), monkeypatch) as url,
        connected(url) as connection,
    ):
        body = b'{"messages": [{"role": "user", "content": "a"}], "stream": true}'
        head = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(b"POST /invocations HTTP/1.1\r\n" + head.encode() + body)

        assert appears(folder / "stream-ended")
        answer = httpx.post(f"{url}/v1/chat/completions", json=QUESTION, timeout=60)
        assert answer.json()["choices"][0]["message"]["content"] == "whole"


def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(
    echo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        served_here(log_model("echo", echo).model_uri, Limits(), monkeypatch) as url,
        connected(url) as connection,
    ):
        lengths = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        hidden = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\n" + lengths + hidden)

        received = b"".join(iter(lambda: connection.recv(1000), b""))
        assert received.startswith(b"HTTP/1.1 400 ")
        assert received.count(b"HTTP/1.1 ") == 1


def test_pages_of_other_sites_and_rebound_names_are_refused_where_no_key_is_asked_for(echo: Path) -> None:
    model = load_model(log_model("echo", echo).model_uri)

    def status(limits: Limits, **headers: str) -> int:
        from starlette.testclient import TestClient

        with TestClient(ModelServer(model, limits).app(), base_url="http://localhost:5001") as client:
            return client.post("/v1/chat/completions", json=QUESTION, headers=headers).status_code

    assert status(Limits()) == 200
    assert status(Limits(), origin="http://localhost:5001") == 200
    assert status(Limits(), host="127.0.0.1:5001") == 200
    assert status(Limits(), origin="http://evil.example") == 403
    assert status(Limits(), **{"sec-fetch-site": "cross-site"}) == 403
    assert status(Limits(), host="evil.example") == 403
    assert status(Limits(allowed_hosts=("Models.example",)), host="models.example:5001") == 200
    assert status(Limits(api_key="k"), host="models.example", authorization="Bearer k") == 200


def test_a_worker_that_ends_with_any_code_is_replaced(write_model: WriteModel, own_store: str) -> None:
    model = log_model("dies", write_model(DIES), input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store, "--workers", "2")

    def said(text: str) -> str | None:
        try:
            body = {"messages": [{"role": "user", "content": text}]}
            answer = httpx.post(served.url + "/chat/completions", json=body, timeout=60)
            return str(answer.json()["choices"][0]["message"]["content"])
        except httpx.HTTPError:
            return None

    try:
        workers: set[str | None] = set()
        assert until(lambda: len(workers.add(said("who")) or workers) == 2)  # type: ignore[func-returns-value]
        assert said("die") is None
        assert until(lambda: said("who") not in (None, *workers))
    finally:
        assert served.close() == 0, served.errors


@pytest.mark.parametrize("code_of_worker", [1, 3])
def test_workers_that_cannot_start_end_the_server_with_an_error(
    code_of_worker: int, write_model: WriteModel, own_store: str
) -> None:
    path = write_model(NO_WORKER.replace("CODE", str(code_of_worker)))
    model = log_model("alone", path, input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store, "--workers", "2")
    code = served.process.wait(WAIT_SECONDS)
    served.close()

    assert code == 1
    assert "a worker process could not start" in "".join(served.errors)

"""A served model that hangs, is stopped, or gives what cannot be sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.models.conftest import WriteModel
from tests.models.serve import Served
from tests.waiting import PATIENCE, appears, until
from tracer.models import load_model, log_model, serving_app
from tracer.models.serving_app import Limits, ModelServer

openai = pytest.importorskip("openai", exc_type=ImportError)

QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}
HANGS = """
import time
from pathlib import Path
class Hangs(ChatModel):
    def predict(self, context, messages, params):
        Path("asked").touch()
        for _ in range(6_000):
            if Path("go-on").exists():
                break
            time.sleep(0.02)
        Path("done").touch()
        return {"choices": [{"message": {"role": "assistant", "content": "late"}}]}
set_model(Hangs())
"""


def test_what_timed_out_is_an_error_and_stuck_threads_show(
    write_model: WriteModel, folder: Path, own_store: str
) -> None:
    model = log_model("hangs", write_model(HANGS), input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store, "--threads", "1", "--timeout", "0.3")
    try:
        health = f"{served.root}/health"
        assert httpx.get(health).status_code == 200
        client = openai.OpenAI(base_url=served.url, api_key="none", max_retries=0)
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="hangs", **QUESTION)  # type: ignore[call-overload]
        client.close()
        answer = caught.value
        assert (answer.status_code, answer.body["code"]) == (504, "timeout")  # type: ignore[index]
        stuck = httpx.get(health)
        assert (stuck.status_code, stuck.json()["error"]["type"]) == (503, "server_error")
        (folder / "go-on").touch()
        assert appears(folder / "done")
        assert until(lambda: httpx.get(health).status_code == 200)
    finally:
        assert served.close() == 0, served.errors

    trace = tracer.get_trace(answer.response.headers["x-tracer-trace-id"])
    assert trace is not None
    assert trace.info.state == "ERROR"
    assert "has not answered within 0.3 s" in str(trace.data.spans[0].events)


def test_a_body_that_does_not_come_in_time(echo: Path, own_store: str) -> None:
    model = log_model("echo", echo)
    tracer.flush()
    served = Served(model.model_uri, own_store, "--timeout", "0.3")
    host, port = served.root.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            head = (
                "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9"
            )
            connection.sendall(f"{head}\r\n\r\n{{".encode())

            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    finally:
        assert served.close() == 0, served.errors


@contextlib.contextmanager
def ends_soon(model_uri: str) -> Iterator[tuple[str, Any]]:
    """The URL of a server here, and uvicorn's object; it waits for a second until it cuts requests off."""
    uvicorn = pytest.importorskip("uvicorn", exc_type=ImportError)
    app = ModelServer(load_model(model_uri), Limits()).app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    running = threading.Thread(target=server.run)
    running.start()
    try:
        assert until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1/chat/completions", server
    finally:
        server.should_exit = True
        running.join(PATIENCE)


def test_a_server_that_ends_tells_the_client_so(write_model: WriteModel, folder: Path) -> None:
    answers: list[httpx.Response] = []
    with ends_soon(log_model("hangs", write_model(HANGS), input_example=False).model_uri) as (url, server):
        ask = threading.Thread(target=lambda: answers.append(httpx.post(url, json=QUESTION, timeout=60)))
        ask.start()
        assert appears(folder / "asked")
        server.should_exit = True
        ask.join(PATIENCE)
        (folder / "go-on").touch()

    (answer,) = answers
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")
    trace = tracer.get_trace(answer.headers["x-tracer-trace-id"])
    assert trace is not None
    assert trace.info.state == "ERROR"


def test_a_server_that_ends_in_the_middle_of_a_stream_tells_the_client_so(write_model: WriteModel) -> None:
    path = write_model(
        """
        import asyncio
        class Endless(ChatModel):
            async def predict(self, context, messages, params):
                return {"choices": []}
            async def predict_stream(self, context, messages, params):
                yield {"choices": [{"delta": {"content": "first"}}]}
                await asyncio.sleep(600)
        set_model(Endless())
        """
    )
    with (
        ends_soon(log_model("endless", path, input_example=False).model_uri) as (url, server),
        httpx.stream("POST", url, json={**QUESTION, "stream": True}, timeout=60) as answer,
    ):
        lines = answer.iter_lines()
        assert "first" in next(lines)
        server.should_exit = True
        events = [line.removeprefix("data: ") for line in lines if line]

    assert json.loads(events[-1])["error"]["code"] == "shutting_down"
    trace = tracer.get_trace(answer.headers["x-tracer-trace-id"])
    assert trace is not None
    assert trace.info.state == "ERROR"


@pytest.fixture
def anything(write_model: WriteModel, own_store: str) -> Iterator[str]:
    """The address of a model that gives back what it is asked for by name."""
    path = write_model(
        """
        import numpy
        try:
            import pandas
        except ImportError:
            pandas = None
        def predict(model_input):
            return {
                "table": lambda: pandas.DataFrame({"a": [1, 2], "b": ["x", None]}),
                "array": lambda: numpy.array([[1, 2], [3, 4]]),
                "number": lambda: {"score": numpy.float32(0.5)},
                "object": lambda: object(),
            }[model_input]()
        set_model(predict)
        """
    )
    pytest.importorskip("numpy", exc_type=ImportError)
    model = log_model("anything", path)
    tracer.flush()
    served = Served(model.model_uri, own_store)
    with contextlib.ExitStack() as stack:
        stack.callback(served.close)
        yield f"{served.root}/invocations"


def test_what_json_holds_is_sent_and_the_rest_is_an_error(anything: str) -> None:
    def ask(body: Any) -> httpx.Response:
        return httpx.post(anything, json=body, timeout=60)

    assert ask({"inputs": "array"}).json() == {"predictions": [[1, 2], [3, 4]]}
    assert ask({"inputs": "number"}).json() == {"predictions": {"score": 0.5}}
    refused = ask({"inputs": "object"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        500,
        "The model's answer cannot be sent: object is nothing that JSON can hold.",
    )
    for body in ({"dataframe_split": {}}, {"dataframe_records": 1}, {"inputs": 1, "x": 2}):
        assert (ask(body).status_code, ask(body).json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_table_is_sent_as_records(anything: str) -> None:
    pytest.importorskip("pandas", exc_type=ImportError)

    answer = httpx.post(anything, json={"inputs": "table"}, timeout=60)

    assert answer.json() == {"predictions": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]}


def test_log_probabilities_of_a_whole_answer_are_streamed(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Sure(ChatModel):
            def predict(self, context, messages, params):
                logprobs = {"content": [{"token": "x", "logprob": -0.1}]}
                return {"choices": [{"message": {"role": "assistant", "content": "x"}, "logprobs": logprobs}]}
        set_model(Sure())
        """
    )
    first, _ = load_model(log_model("sure", path).model_uri).predict_stream(QUESTION)

    assert first["choices"][0]["logprobs"]["content"][0]["token"] == "x"


def test_others_are_answered_while_a_large_body_is_read_and_too_many_values_are_refused(
    echo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_reading, may_go_on = threading.Event(), threading.Event()
    has_more_values = serving_app.has_more_values

    def reading(*arguments: Any) -> bool:
        is_reading.set()
        assert may_go_on.wait(PATIENCE)
        return has_more_values(*arguments)

    monkeypatch.setattr(serving_app, "has_more_values", reading)
    app = ModelServer(load_model(log_model("echo", echo).model_uri), Limits()).app()

    async def both() -> tuple[httpx.Response, httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            large = b'{"messages":[' + b"{}," * 1_000_000 + b"{}]}"
            headers = {"content-type": "application/json"}
            sent = asyncio.ensure_future(client.post("/v1/chat/completions", content=large, headers=headers))
            assert await asyncio.to_thread(is_reading.wait, PATIENCE)
            alive = await client.get("/ping")
            may_go_on.set()
            return alive, await sent

    alive, refused = asyncio.run(both())

    assert alive.status_code == 200
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        413,
        "The body has more than 1000000 keys and values.",
    )

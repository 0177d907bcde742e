"""Calls that fail: the exception is the SDK's own, and the span has the error."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import ollama
import pytest

import tracer
from tests.ollama.replies import QUESTION, chat, ndjson, piece, said
from tests.openai.server import Scripted, Server, reply, unreachable_port


@pytest.mark.parametrize("stream", [False, True])
def test_an_http_error_is_recorded_with_everything(stream: bool, server: Server, call: Any, stored: Any) -> None:
    refusal = {"error": "model 'none' not found"}
    server.will(reply(refusal, status=404))

    with pytest.raises(ollama.ResponseError, match="not found") as raised:
        call("chat", model="none", messages=QUESTION, stream=stream)

    assert (raised.value.status_code, raised.value.error) == (404, refusal["error"])
    span = stored.span
    assert (span.name, span.status, span.outputs) == ("chat none", "ERROR", refusal)
    assert span.inputs == server.asked[0].json
    assert span.attributes["error.type"] == "ollama._types.ResponseError"
    assert span.attributes["http.response.status_code"] == 404
    assert "not found" in span.status.description
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize("body", [b"Bad Gateway", b"", b"[1]", b"\xff\xfe"])
def test_an_error_body_that_is_not_a_json_object(body: bytes, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(body, status=502))

    with pytest.raises(Exception):  # noqa: B017, PT011  # what the SDK makes of it depends on its version
        call("chat", model="m", messages=QUESTION)

    assert stored.span.status == "ERROR"
    assert len(server.asked) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_error(stream: bool, connect: Any, stored: Any) -> None:
    client = connect(host=f"http://127.0.0.1:{unreachable_port()}")

    with pytest.raises((ConnectionError, httpx.ConnectError)) as raised:
        answer = client.chat(model="m", messages=QUESTION, stream=stream)
        list(answer)

    span = stored.span
    assert (span.status, span.outputs) == ("ERROR", None)
    kind = type(raised.value)
    assert span.attributes["error.type"].endswith(kind.__name__)
    assert span.attributes["server.address"] == "127.0.0.1"


def test_a_timeout_is_an_error(server: Server, connect: Any, stored: Any) -> None:
    held = threading.Event()
    server.will(Scripted([held]))
    client = connect(timeout=httpx.Timeout(60, read=0.05))

    with pytest.raises(httpx.ReadTimeout):
        client.chat(model="m", messages=QUESTION)
    held.set()

    assert stored.span.attributes["error.type"] == "httpx.ReadTimeout"


def test_an_error_in_the_middle_of_a_stream(server: Server, call: Any, stored: Any) -> None:
    server.will(ndjson(piece("Li"), {"error": "an error was encountered while running the model"}))

    with pytest.raises(ollama.ResponseError, match="while running the model"):
        call("chat", model="m", messages=QUESTION, stream=True)

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "ollama._types.ResponseError")
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Li"}]
    assert "http.response.status_code" not in span.attributes
    assert "tracer.incomplete" not in span.attributes


def test_a_stream_with_a_line_that_is_no_json(server: Server, call: Any, stored: Any) -> None:
    server.will(ndjson(piece("Li"), b"<html>\n"))

    with pytest.raises(ValueError, match="Expecting value"):
        call("chat", model="m", messages=QUESTION, stream=True)

    assert (stored.span.status, stored.output[0]["parts"][0]["content"]) == ("ERROR", "Li")


def test_a_reply_that_the_sdk_cannot_read_is_recorded_as_it_came(server: Server, call: Any, stored: Any) -> None:
    body = chat(said("", tool_calls=[{"function": {"name": "tip", "arguments": "not an object"}}]))
    server.will(reply(body))

    with pytest.raises(ValueError, match="validation error"):
        call("chat", model="m", messages=QUESTION)

    assert (stored.span.status, stored.span.outputs) == ("ERROR", body)
    assert stored.span.attributes["error.type"].endswith("ValidationError")


def test_an_error_in_a_reply_with_status_200_is_an_error(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply({"error": "out of memory", "response": ""}))

    client.generate(model="m", prompt="?")

    assert (stored.span.status, stored.span.status.description) == ("ERROR", "out of memory")
    assert stored.span.attributes["error.type"] == "error"


@pytest.mark.parametrize("given", [{"model": ""}, {"model": "m", "messages": 7}, {"model": "m", "tools": ["no tool"]}])
def test_a_call_with_missing_arguments_is_not_recorded(
    given: Any, server: Server, client: ollama.Client, stored: Any
) -> None:
    with pytest.raises(Exception), tracer.start_span("mine"):  # noqa: B017, PT011
        client.chat(**given)

    assert server.asked == []
    assert [(span.name, span.status) for span in stored.spans] == [("mine", "ERROR")]


def test_api_keys_never_reach_the_store(server: Server, connect: Any, stored: Any) -> None:
    server.will(reply({"error": "unauthorized"}, status=401))
    client = connect(headers={"Authorization": "Bearer very-secret"})

    with pytest.raises(ollama.ResponseError):
        client.chat(model="m", messages=QUESTION)

    assert server.asked[0].headers["authorization"] == "Bearer very-secret"
    assert "very-secret" not in str(stored.span.to_dict())

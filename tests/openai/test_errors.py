"""Calls that fail: status, code, request id, retries; and the exception reaches the user as it was."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, chat, error
from tests.openai.server import Scripted, Server, reply, unreachable_port


def test_an_http_error_is_recorded_with_everything(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(error(), status=404, x_request_id="req_9"))

    with pytest.raises(openai.NotFoundError) as raised:
        call("chat.completions.create", model="m", messages=QUESTION)

    span = stored.span
    expected = {
        "error.type": "openai.NotFoundError",
        "http.response.status_code": 404,
        "tracer.provider.request_id": "req_9",
        "tracer.provider.error_code": "model_not_found",
        "tracer.provider.error_type": "invalid_request_error",
        "tracer.retries": 0,
        "gen_ai.request.model": "m",
    }
    assert span.status == "ERROR"
    assert "No such model." in span.status.description
    assert {key: span.attributes.get(key) for key in expected} == expected
    [event] = span.events
    assert event.name == "exception"
    assert "_base_client.py" in event.attributes["exception.stacktrace"]
    assert "wrappers.py" not in event.attributes["exception.stacktrace"]
    assert raised.value.request_id == "req_9"
    assert span.inputs["messages"] == QUESTION
    assert span.outputs == error()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_the_status_code_of_every_kind_of_http_error(
    status: int, kind: type[Exception], server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(error(), status=status))

    with pytest.raises(kind):
        client.chat.completions.create(model="m", messages=QUESTION)

    assert stored.span.attributes["http.response.status_code"] == status


def test_the_request_id_that_azure_sends_with_an_error(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(error(), status=404, apim_request_id="req_9"))

    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="m", messages=QUESTION)

    assert stored.span.attributes["tracer.provider.request_id"] == "req_9"


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b'"no"', b"[]"])
def test_an_error_body_that_is_not_a_json_object(body: bytes, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(body, status=502, content_type="text/html"))

    with pytest.raises(openai.InternalServerError):
        call("chat.completions.create", model="m", messages=QUESTION)

    assert (stored.span.status, stored.span.attributes["http.response.status_code"]) == ("ERROR", 502)


def test_an_error_before_a_stream(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(error("Overloaded.", "overloaded"), status=500))

    with pytest.raises(openai.InternalServerError):
        call("chat.completions.create", model="m", messages=QUESTION, stream=True)

    assert stored.span.attributes["tracer.provider.error_code"] == "overloaded"


def test_retries_after_a_rate_limit_are_counted_on_one_span(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(*[reply(error(), status=429, retry_after_ms="1")] * 2, reply(chat()))

    client.with_options(max_retries=3).chat.completions.create(model="m", messages=QUESTION)

    assert len(server.asked) == 3
    assert (stored.span.status, stored.span.attributes["tracer.retries"]) == ("UNSET", 2)


def test_retries_that_end_with_a_rate_limit_are_counted(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(error(), status=429, retry_after_ms="1"))

    with pytest.raises(openai.RateLimitError):
        client.with_options(max_retries=2).chat.completions.create(model="m", messages=QUESTION)

    assert (stored.span.status, stored.span.attributes["tracer.retries"]) == ("ERROR", 2)


def test_a_connection_error(client: openai.OpenAI, stored: Any) -> None:
    port = unreachable_port()

    with pytest.raises(openai.APIConnectionError):
        client.with_options(base_url=f"http://127.0.0.1:{port}/v1").chat.completions.create(
            model="m", messages=QUESTION
        )

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "openai.APIConnectionError")
    assert span.attributes["server.port"] == port


def test_a_timeout_is_an_error(server: Server, client: openai.OpenAI, stored: Any) -> None:
    import threading

    held = threading.Event()
    server.will(Scripted([held, b"{}"]))

    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="m", messages=QUESTION, timeout=0.05)
    held.set()

    assert stored.span.attributes["error.type"] == "openai.APITimeoutError"


def test_a_call_with_missing_arguments_is_not_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    with pytest.raises(TypeError, match="Missing required arguments"):
        client.chat.completions.create(model="m")  # type: ignore[call-overload]

    assert stored.spans == []


def test_a_reply_that_is_not_json_is_an_error(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(b"not JSON at all"))

    with pytest.raises(ValueError, match="Expecting value"):
        call("chat.completions.create", model="m", messages=QUESTION)

    assert (stored.span.status, stored.span.outputs) == ("ERROR", "not JSON at all")


def test_api_keys_never_reach_the_store(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(error("Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789."), status=401))

    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-proj-abcdefghijklmnopqrstuvwxyz0123456789").chat.completions.create(
            model="m", messages=QUESTION, extra_headers={"Authorization": "Bearer secret-token-1234567890"}
        )

    span = stored.span
    everything = json.dumps(
        [span.attributes, [dict(event.attributes) for event in span.events], span.status.description]
    )
    assert "abcdefghijklmnopqrstuvwxyz" not in everything
    assert "secret-token" not in everything

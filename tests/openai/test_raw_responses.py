"""`with_raw_response` and `with_streaming_response`: the span is filled from the bytes that the program reads."""

from __future__ import annotations

import gc
import gzip
import json
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, chat, lima, response, response_events
from tests.openai.sdk import needs_responses
from tests.openai.server import Scripted, Server, reply, sse


def raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create


def streaming(client: Any) -> Any:
    return client.chat.completions.with_streaming_response.create


def said(stored: Any) -> Any:
    span = stored.span
    return span.status, span.attributes.get("tracer.incomplete"), stored.output[0]["parts"][0]["content"]


WHOLE = ("UNSET", None, "Lima.")


def test_with_raw_response(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(), x_request_id="req_1"))

    response = call("chat.completions.with_raw_response.create", model="m", messages=QUESTION)

    assert (response.headers["x-request-id"], response.status_code, response.retries_taken) == ("req_1", 200, 0)
    assert said(stored) == WHOLE  # although the program has not parsed it
    assert response.parse().choices[0].message.content == "Lima."
    assert stored.span.outputs == chat()


def test_with_raw_response_of_a_stream(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima(), x_request_id="req_1"))

    response = raw(client)(model="m", messages=QUESTION, stream=True)
    assert stored.spans == []
    stream = response.parse()
    assert type(stream) is openai.Stream
    assert len(list(stream)) == 6

    assert said(stored) == WHOLE
    assert stored.span.attributes["tracer.stream.chunks"] == 6
    assert stored.span.token_usage["total_tokens"] == 23
    assert stored.span.attributes["tracer.provider.request_id"] == "req_1"


def test_with_raw_response_of_an_async_stream(server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    async def scenario(client: Any) -> None:
        response = await raw(client)(model="m", messages=QUESTION, stream=True)
        stream = response.parse()
        assert type(stream) is openai.AsyncStream
        assert len([chunk async for chunk in stream]) == 6

    run(scenario)

    assert said(stored) == WHOLE


def test_with_streaming_response_parsed(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    with streaming(client)(model="m", messages=QUESTION) as response:
        assert stored.spans == []
        assert response.parse().choices[0].message.content == "Lima."

    assert said(stored) == WHOLE
    assert stored.span.outputs == chat()


@pytest.mark.parametrize("read", ["read", "json", "text", "iter_bytes", "iter_text", "iter_lines"])
def test_with_streaming_response_read_in_any_way(read: str, server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    with streaming(client)(model="m", messages=QUESTION) as response:
        result = getattr(response, read)()
        if read.startswith("iter"):
            list(result)

    assert said(stored) == WHOLE
    assert stored.span.outputs == chat()


def test_with_streaming_response_of_a_stream_by_lines(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima()))

    with streaming(client)(model="m", messages=QUESTION, stream=True) as response:
        lines = [line for line in response.iter_lines() if line]

    assert len(lines) == 7
    assert said(stored) == WHOLE
    assert len(stored.span.events) == 6


def test_with_streaming_response_of_a_stream_in_raw_bytes(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima()))

    with streaming(client)(model="m", messages=QUESTION, stream=True) as response:
        assert b"".join(response.http_response.iter_raw()).endswith(b"data: [DONE]\n\n")

    assert said(stored) == WHOLE


def test_raw_bytes_that_are_compressed_tell_only_their_end(server: Server, client: openai.OpenAI, stored: Any) -> None:
    compressed = gzip.compress(json.dumps(chat()).encode())
    server.will(Scripted([compressed], headers={"content-encoding": "gzip"}))

    with streaming(client)(model="m", messages=QUESTION) as response:
        assert b"".join(response.http_response.iter_raw()) == compressed

    assert (stored.span.status, stored.span.outputs) == ("UNSET", None)


def test_a_stream_that_a_hook_of_the_http_client_has_read(server: Server, stored: Any) -> None:
    server.will(sse(*lima()))
    http = openai.DefaultHttpxClient(verify=False, event_hooks={"response": [lambda response: response.read()]})

    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", http_client=http) as client,
        streaming(client)(model="m", messages=QUESTION, stream=True) as response,
    ):
        assert len([line for line in response.iter_lines() if line]) == 7

    assert said(stored) == WHOLE


def test_streaming_response_of_a_stream_parsed(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima()))

    with streaming(client)(model="m", messages=QUESTION, stream=True) as response:
        assert len(list(response.parse())) == 6

    assert said(stored) == WHOLE


@pytest.mark.filterwarnings("error")
def test_with_streaming_response_async(server: Server, run: Any, stored: Any) -> None:
    server.will(reply(chat()))

    async def scenario(client: Any) -> None:
        async with streaming(client)(model="m", messages=QUESTION) as response:
            assert (await response.parse()).choices[0].message.content == "Lima."

    run(scenario)

    assert said(stored) == WHOLE


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", ["parse", "iter_lines"])
def test_streaming_response_of_a_stream_async(how: str, server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    async def scenario(client: Any) -> None:
        async with streaming(client)(model="m", messages=QUESTION, stream=True) as response:
            if how == "parse":
                assert len([chunk async for chunk in await response.parse()]) == 6
            else:
                assert len([line async for line in response.iter_lines() if line]) == 7

    run(scenario)

    assert said(stored) == WHOLE


def test_with_streaming_response_that_is_not_read(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    with streaming(client)(model="m", messages=QUESTION):
        pass

    span = stored.span
    assert (span.status, span.attributes["tracer.incomplete"], span.outputs) == ("UNSET", "closed", None)


def test_with_streaming_response_closed_early(server: Server, client: openai.OpenAI, stored: Any) -> None:
    import threading

    held = threading.Event()
    server.will(sse(lima()[1], held, *lima()))

    with streaming(client)(model="m", messages=QUESTION, stream=True) as response:
        for _ in response.iter_lines():
            break
    held.set()

    assert said(stored) == ("UNSET", "closed", "Li")


def test_with_raw_response_of_a_stream_that_is_dropped(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima()))

    raw(client)(model="m", messages=QUESTION, stream=True)
    gc.collect()

    assert (stored.span.status, stored.span.attributes["tracer.incomplete"]) == ("UNSET", "dropped")


def test_a_streaming_response_that_is_never_entered_called_nobody(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    streaming(client)(model="m", messages=QUESTION)

    assert (server.asked, stored.spans) == ([], [])


def test_a_raw_wrapper_that_was_cached_before_autolog(server: Server, client: openai.OpenAI, stored: Any) -> None:
    import tracer

    tracer.openai.autolog(disable=True)
    cached, bound = raw(client), client.chat.completions.create
    server.will(reply(chat()))
    tracer.openai.autolog()

    cached(model="m", messages=QUESTION)
    bound(model="m", messages=QUESTION)

    assert len(stored.spans) == 2


@needs_responses
def test_responses_as_the_agents_sdk_reads_them(server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*response_events(), done=False))

    async def scenario(client: Any) -> None:
        async with client.responses.with_streaming_response.create(model="m", input="?", stream=True) as response:
            assert len([event async for event in await response.parse()]) == 10

    run(scenario)

    assert stored.span.outputs == response()
    assert stored.span.attributes["tracer.stream.chunks"] == 10
    assert "tracer.incomplete" not in stored.span.attributes


def test_an_error_in_the_lines_of_a_stream(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(lima()[1], {"error": {"message": "Overloaded.", "code": "overloaded"}}, done=False))

    with streaming(client)(model="m", messages=QUESTION, stream=True) as body:
        for _ in body.iter_lines():
            pass

    assert (stored.span.status, stored.span.attributes["error.type"]) == ("ERROR", "overloaded")
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Li"}]


def test_the_request_class_in_the_headers_does_not_leak(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(b"\xff\xf3", content_type="audio/mpeg"))

    client.audio.speech.with_raw_response.create(model="speak", voice="alloy", input="Hello")

    assert "class" not in str(stored.span.attributes)

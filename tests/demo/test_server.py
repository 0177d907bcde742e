"""The demo's server speaks OpenAI's protocol well enough for the SDK, whose types read every reply."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.waiting import until
from tracer.demo.server import DemoServer

pytestmark = pytest.mark.no_store
HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with DemoServer() as server, openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as connected:
        yield connected


def test_a_streamed_chat_says_what_a_plain_one_says(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="m", messages=HELLO)
    with client.chat.completions.create(
        model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == plain.choices[0].message.content
    assert chunks[-1].usage == plain.usage


def test_tools_are_called_with_arguments_that_fit(client: openai.OpenAI) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}}
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": parameters}}

    message = client.chat.completions.create(model="m", messages=HELLO, tools=[tool]).choices[0].message

    (call,) = message.tool_calls or ()
    assert call.to_dict()["function"] == {"name": "look", "arguments": '{"n": 1, "kind": "a"}'}


def test_structured_output_follows_the_schema(client: openai.OpenAI) -> None:
    schema: Any = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}

    reply = client.chat.completions.create(model="m", messages=HELLO, response_format=wanted)

    assert reply.choices[0].message.content == '{"names": ["example"]}'


@pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this openai has no Responses API yet")
def test_responses_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.responses.create(model="m", input="Hello")
    with client.responses.stream(model="m", input="Hello") as stream:
        final = stream.get_final_response()

    assert final.output_text == plain.output_text
    assert final.usage == plain.usage


def test_embeddings(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model="m", input=["a", "b"])

    assert [len(one.embedding) for one in reply.data] == [3, 3]


def test_what_it_does_not_know_is_an_error_of_openais_shape(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not know /v1/images/generations"):
        client.images.generate(prompt="x")


def test_a_client_that_resets_its_connection_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    handled = threading.active_count()
    with DemoServer() as server:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert until(lambda: threading.active_count() <= handled + 1)

    assert capfd.readouterr().err == ""

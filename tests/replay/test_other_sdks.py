"""The same test for the other SDKs: recorded against a server, replayed after it has stopped."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anthropic
import ollama
import pytest
from google import genai
from mistralai.client import Mistral, basesdk

import tracer
from tests.anthropic import replies as of_anthropic
from tests.gemini import replies as of_gemini
from tests.gemini.conftest import closed
from tests.ollama import replies as of_ollama
from tests.openai import replies as of_openai
from tests.openai.server import Scripted, Server, reply, sse
from tracer.errors import ReplayMismatchError

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading certificates would take most of a test's time
Program = Callable[[Server, str, str], Any]


async def listed(stream: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in stream]


def ask_anthropic(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": question}]}
    settings: Any = {"api_key": "k", "base_url": server.url, "max_retries": 0}
    if not way.startswith("async"):
        with anthropic.Anthropic(**settings, http_client=anthropic.DefaultHttpxClient(verify=False)) as client:
            return (
                list(client.messages.create(**asked, stream=True))
                if way == "stream"
                else client.messages.create(**asked)
            )

    async def scenario() -> Any:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropic(**settings, http_client=http) as client:
            if way == "async stream":
                return await listed(await client.messages.create(**asked, stream=True))
            return await client.messages.create(**asked)

    return asyncio.run(scenario())


def ask_gemini(server: Server, way: str, question: str) -> Any:
    fast: Any = {"verify": NO_CERTIFICATES}
    options: Any = {"base_url": server.url, "client_args": fast, "async_client_args": fast}
    client = genai.Client(api_key="k", http_options=options)
    asked: Any = {"model": "m", "contents": question}
    if not way.startswith("async"):
        models = client.models
        given = list(models.generate_content_stream(**asked)) if way == "stream" else models.generate_content(**asked)
        client.close()
        return given

    async def scenario() -> Any:
        models = client.aio.models
        try:
            if way == "async stream":
                return await listed(await models.generate_content_stream(**asked))
            return await models.generate_content(**asked)
        finally:
            await closed(client)

    return asyncio.run(scenario())


def ask_mistral(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": question}]}
    settings: Any = {"api_key": "k", "server_url": server.url}
    if not way.startswith("async"):
        with basesdk.httpx.Client(verify=False) as http, Mistral(**settings, client=http) as client:
            return list(client.chat.stream(**asked)) if way == "stream" else client.chat.complete(**asked)

    async def scenario() -> Any:
        async with (
            basesdk.httpx.AsyncClient(verify=False) as http,
            Mistral(**settings, async_client=http) as client,
        ):
            if way == "async stream":
                return await listed(await client.chat.stream_async(**asked))
            return await client.chat.complete_async(**asked)

    return asyncio.run(scenario())


def ask_ollama(server: Server, way: str, question: str) -> Any:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": question}]}
    if not way.startswith("async"):
        client = ollama.Client(host=server.url, verify=False)
        try:
            return list(client.chat(**asked, stream=True)) if way == "stream" else client.chat(**asked)
        finally:
            client._client.close()

    async def scenario() -> Any:
        client = ollama.AsyncClient(host=server.url, verify=False)
        try:
            if way == "async stream":
                return await listed(await client.chat(**asked, stream=True))
            return await client.chat(**asked)
        finally:
            await client._client.aclose()

    return asyncio.run(scenario())


SDKS: dict[str, tuple[Program, Scripted, Scripted]] = {
    "anthropic": (
        ask_anthropic,
        reply(of_anthropic.message(of_anthropic.TEXT, of_anthropic.CALL)),
        sse(*of_anthropic.lima(), done=False),
    ),
    "gemini": (
        ask_gemini,
        reply(of_gemini.content({"text": "Lima."}, of_gemini.CALL)),
        sse(*of_gemini.lima(), done=False),
    ),
    "mistral": (ask_mistral, reply(of_openai.chat()), sse(*of_openai.lima())),
    "ollama": (ask_ollama, reply(of_ollama.chat()), of_ollama.ndjson(*of_ollama.lima())),
}


@pytest.fixture(params=["sync", "stream", "async", "async stream"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("sdk", SDKS)
def test_calls_are_answered_from_the_cassette(sdk: str, way: str, stopping: Server, cassette: Path) -> None:
    program, whole, stream = SDKS[sdk]
    stopping.will(stream if "stream" in way else whole)
    with tracer.record(cassette):
        first = program(stopping, way, "What is the capital of Peru?")
    stopping.close()

    with tracer.replay(cassette):
        second = program(stopping, way, "What is the capital of Peru?")

    assert repr(second) == repr(first)
    assert "Lima" in repr(second) or "stream" in way


@pytest.mark.parametrize("sdk", SDKS)
def test_a_changed_prompt_fails_and_names_the_word(sdk: str, way: str, stopping: Server, cassette: Path) -> None:
    program, whole, stream = SDKS[sdk]
    stopping.will(stream if "stream" in way else whole)
    with tracer.record(cassette):
        program(stopping, way, "What is the capital of Peru?")

    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(cassette):
        program(stopping, way, "What is the capital of Chile?")


@pytest.mark.parametrize("sdk", SDKS)
def test_a_refusal_is_the_same_error(sdk: str, stopping: Server, cassette: Path) -> None:
    program = SDKS[sdk][0]
    stopping.will(reply({"error": {"message": "no such model", "code": 404, "status": "NOT_FOUND"}}, status=404))

    def refused() -> tuple[str, ...]:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - each SDK has its own
            program(stopping, "sync", "What?")
        return type(raised.value).__name__, str(raised.value)

    with tracer.record(cassette):
        first = refused()
    stopping.close()

    with tracer.replay(cassette):
        assert refused() == first
    assert "no such model" in first[1]

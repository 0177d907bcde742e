"""A local server, a client of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google import genai

import tracer
from tests.garbage import collect_garbage
from tests.gemini.replies import QUESTION, lima
from tests.openai.server import BREAK, Server, sse

# loading certificates would take most of a test's time
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ASKED: dict[str, Any] = {"model": "gemini-test", "contents": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.gemini.autolog()
    yield
    tracer.gemini.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def new_client(server: Server) -> Callable[..., genai.Client]:
    def make(**given: Any) -> genai.Client:
        fast: dict[str, Any] = {"verify": NO_CERTIFICATES}
        options = {"base_url": server.url, "client_args": fast, "async_client_args": fast, **given}
        return genai.Client(api_key="k", http_options=options)

    return make


@pytest.fixture
def client(new_client: Any) -> genai.Client:
    return new_client()  # type: ignore[no-any-return]


async def closed(client: genai.Client) -> None:
    if hasattr(client.aio, "aclose"):
        await client.aio.aclose()
    else:  # older versions leave it to the collector
        await client._api_client._async_httpx_client.aclose()


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: genai.Client, new_client: Any) -> Callable[..., Any]:
    """``call(…)`` generates content by the sync and by the async methods; a stream comes as a list."""

    def call_sync(stream: bool = False, **given: Any) -> Any:
        models = client.models
        if stream:
            return list(models.generate_content_stream(**{**ASKED, **given}))
        return models.generate_content(**{**ASKED, **given})

    def call_async(stream: bool = False, **given: Any) -> Any:
        async def scenario() -> Any:
            client = new_client()
            models = client.aio.models
            try:
                if stream:
                    return [chunk async for chunk in await models.generate_content_stream(**{**ASKED, **given})]
                return await models.generate_content(**{**ASKED, **given})
            finally:
                await closed(client)

        return asyncio.run(scenario())

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: genai.Client) -> Callable[[], Any]:
    return lambda: client.models.generate_content_stream(**ASKED)


@pytest.fixture
def run(new_client: Any) -> Callable[[Any], Any]:
    async def main(scenario: Any) -> None:
        client = new_client()
        await scenario(lambda: client.aio.models.generate_content_stream(**ASKED))
        await closed(client)

    return lambda scenario: asyncio.run(main(scenario))


@pytest.fixture
def whole(server: Server) -> None:
    server.will(sse(*lima(), done=False))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    event = threading.Event()
    server.will(sse(lima()[0], event, *lima()[1:], done=False))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(sse(lima()[0], BREAK, done=False))

"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import ollama
import pytest

import tracer
from tests.garbage import collect_garbage
from tests.ollama.replies import QUESTION, lima, ndjson
from tests.openai.server import BREAK, Server


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.ollama.autolog()
    yield
    tracer.ollama.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., ollama.Client]]:
    """Makes a client with these settings."""
    made: list[ollama.Client] = []

    def make(**settings: Any) -> ollama.Client:
        # loading certificates would take most of a test's time
        made.append(ollama.Client(**{"host": server.url, "verify": False, **settings}))
        return made[-1]

    yield make
    for client in made:
        client._client.close()


@pytest.fixture
def client(connect: Callable[..., ollama.Client]) -> ollama.Client:
    return connect()


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[ollama.AsyncClient], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[ollama.AsyncClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            client = ollama.AsyncClient(host=server.url, verify=False)
            try:
                return await scenario(client)
            finally:
                await client._client.aclose()

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: ollama.Client, arun: Any) -> Callable[..., Any]:
    """``call("chat", …)`` by the sync and by the async client; a stream comes as a list."""

    def call_sync(name: str, *args: Any, **kwargs: Any) -> Any:
        result = getattr(client, name)(*args, **kwargs)
        return list(result) if kwargs.get("stream") else result

    def call_async(name: str, *args: Any, **kwargs: Any) -> Any:
        async def scenario(client: ollama.AsyncClient) -> Any:
            result = await getattr(client, name)(*args, **kwargs)
            return [chunk async for chunk in result] if kwargs.get("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: ollama.Client) -> Callable[[], Any]:
    return lambda: client.chat(model="m", messages=QUESTION, stream=True)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(
        lambda client: scenario(lambda: client.chat(model="m", messages=QUESTION, stream=True))
    )


@pytest.fixture
def whole(server: Server) -> None:
    server.will(ndjson(*lima()))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    """The server sends "Li" and holds the rest back."""
    event = threading.Event()
    server.will(ndjson(lima()[0], event, *lima()[1:]))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(ndjson(lima()[0], BREAK))

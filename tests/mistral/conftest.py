"""A local server, a client of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from mistralai.client import Mistral, basesdk

import tracer
from tests.garbage import collect_garbage
from tests.openai.replies import QUESTION, lima
from tests.openai.server import BREAK, Server, sse

ASKED: dict[str, Any] = {"model": "mistral-test", "messages": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.mistral.autolog()
    yield
    tracer.mistral.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def client(server: Server) -> Iterator[Mistral]:
    # loading certificates would take most of a test's time
    with (
        basesdk.httpx.Client(verify=False) as http,
        Mistral(api_key="k", server_url=server.url, client=http) as client,
    ):
        yield client


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[Mistral], Awaitable[Any]]], Any]:
    """Runs ``scenario(client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[Mistral], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with (
                basesdk.httpx.AsyncClient(verify=False) as http,
                Mistral(api_key="k", server_url=server.url, async_client=http) as client,
            ):
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: Mistral, arun: Any) -> Callable[..., Any]:
    """``call("chat.complete", …)`` by the sync and by the async methods; a stream comes as a list."""

    def method(client: Any, name: str) -> Any:
        for part in name.split("."):
            client = getattr(client, part)
        return client

    def call_sync(name: str, **given: Any) -> Any:
        result = method(client, name)(**given)
        return list(result) if name.endswith("stream") else result

    def call_async(name: str, **given: Any) -> Any:
        async def scenario(client: Mistral) -> Any:
            result = await method(client, f"{name}_async")(**given)
            return [event async for event in result] if name.endswith("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: Mistral) -> Callable[[], Any]:
    return lambda: client.chat.stream(**ASKED)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(lambda client: scenario(lambda: client.chat.stream_async(**ASKED)))


@pytest.fixture
def whole(server: Server) -> None:
    server.will(sse(*lima()))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    event = threading.Event()
    server.will(sse(*lima()[:2], event, *lima()[2:]))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(sse(*lima()[:2], BREAK, done=False))

"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

import cohere
import httpx

import tracer
from tests.cohere.replies import QUESTION, lima
from tests.garbage import collect_garbage
from tests.openai.server import BREAK, Server, sse

ASKED: dict[str, Any] = {"model": "command-test", "messages": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.cohere.autolog()
    yield
    tracer.cohere.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def client(server: Server) -> Iterator[cohere.ClientV2]:
    # loading certificates would take most of a test's time
    with httpx.Client(verify=False) as http:
        yield cohere.ClientV2("k", base_url=server.url, httpx_client=http)


@pytest.fixture
def first(server: Server) -> Iterator[cohere.Client]:
    """A client of version 1 of the API."""
    with httpx.Client(verify=False) as http:
        yield cohere.Client("k", base_url=server.url, httpx_client=http)


@pytest.fixture
def arun(server: Server) -> Callable[..., Any]:
    """Runs ``scenario(client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[Any], Awaitable[Any]], kind: Any = cohere.AsyncClientV2) -> Any:
        async def main() -> Any:
            async with httpx.AsyncClient(verify=False) as http:
                return await scenario(kind("k", base_url=server.url, httpx_client=http))

        return asyncio.run(main())

    return run_scenario


def caller(client: Any, arun: Any, kind: Any, is_async: bool) -> Callable[..., Any]:
    def call_sync(name: str, **given: Any) -> Any:
        result = getattr(client, name)(**given)
        return list(result) if name.endswith("stream") else result

    def call_async(name: str, **given: Any) -> Any:
        async def scenario(client: Any) -> Any:
            result = getattr(client, name)(**given)
            return [event async for event in result] if name.endswith("stream") else await result

        return arun(scenario, kind)

    return call_async if is_async else call_sync


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: Any, arun: Any) -> Callable[..., Any]:
    """``call("chat", …)`` by the sync and by the async client; a stream comes as a list."""
    return caller(client, arun, cohere.AsyncClientV2, request.param == "async")


@pytest.fixture(params=["sync", "async"])
def call_first(request: pytest.FixtureRequest, first: Any, arun: Any) -> Callable[..., Any]:
    """The same with clients of version 1 of the API."""
    return caller(first, arun, cohere.AsyncClient, request.param == "async")


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: cohere.ClientV2) -> Callable[[], Any]:
    return lambda: client.chat_stream(**ASKED)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    def run_scenario(scenario: Any) -> Any:
        async def with_client(client: Any) -> Any:
            async def open_stream() -> Any:
                return client.chat_stream(**ASKED)

            return await scenario(open_stream)

        return arun(with_client)

    return run_scenario


@pytest.fixture
def whole(server: Server) -> None:
    server.will(sse(*lima(), done=False))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    event = threading.Event()
    server.will(sse(*lima()[:3], event, *lima()[3:], done=False))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(sse(*lima()[:3], BREAK, done=False))

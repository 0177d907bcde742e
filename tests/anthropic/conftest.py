"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anthropic
import pytest

import tracer
from tests.anthropic.replies import QUESTION, lima
from tests.garbage import collect_garbage
from tests.openai.server import BREAK, Server, sse

ASKED: dict[str, Any] = {"model": "claude-test", "max_tokens": 64, "messages": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.anthropic.autolog()
    yield
    tracer.anthropic.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(verify=False)  # loading certificates would take most of a test's time
    with anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            http = anthropic.DefaultAsyncHttpxClient(verify=False)
            settings: Any = {"api_key": "k", "base_url": server.url, "max_retries": 0, "http_client": http}
            async with anthropic.AsyncAnthropic(**settings) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: anthropic.Anthropic, arun: Any) -> Callable[..., Any]:
    """``call(…)`` makes a message by the sync and by the async client; a stream comes as a list."""

    def call_sync(**given: Any) -> Any:
        result = client.messages.create(**{**ASKED, **given})
        return list(result) if given.get("stream") else result

    def call_async(**given: Any) -> Any:
        async def scenario(client: anthropic.AsyncAnthropic) -> Any:
            result = await client.messages.create(**{**ASKED, **given})
            return [event async for event in result] if given.get("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: anthropic.Anthropic) -> Callable[[], Any]:
    return lambda: client.messages.create(**ASKED, stream=True)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(lambda client: scenario(lambda: client.messages.create(**ASKED, stream=True)))


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

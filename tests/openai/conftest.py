"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest

import tracer
from tests.garbage import collect_garbage
from tests.openai.server import Server


@pytest.fixture(autouse=True)
def autolog(request: pytest.FixtureRequest, own_store: str) -> Iterator[None]:
    if request.node.get_closest_marker("no_store"):
        yield
        return
    tracer.openai.autolog()
    yield
    tracer.openai.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(verify=False)  # loading certificates would take most of a test's time
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
def run(server: Server) -> Callable[[Callable[[openai.AsyncOpenAI], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            http = openai.DefaultAsyncHttpxClient(verify=False)
            settings: Any = {"api_key": "k", "base_url": f"{server.url}/v1", "max_retries": 0, "http_client": http}
            async with openai.AsyncOpenAI(**settings) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: openai.OpenAI, run: Any) -> Callable[..., Any]:
    """``call("chat.completions.create", …)`` by the sync and by the async client; a stream comes as a list."""

    def method(client: Any, name: str) -> Any:
        for part in name.split("."):
            client = getattr(client, part)
        return client

    def call_sync(name: str, **kwargs: Any) -> Any:
        result = method(client, name)(**kwargs)
        return list(result) if kwargs.get("stream") else result

    def call_async(name: str, **kwargs: Any) -> Any:
        async def scenario(client: openai.AsyncOpenAI) -> Any:
            result = await method(client, name)(**kwargs)
            return [chunk async for chunk in result] if kwargs.get("stream") else result

        return run(scenario)

    return call_sync if request.param == "sync" else call_async

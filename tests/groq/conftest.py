"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("groq", reason="tests/run.py makes an environment with it")

import groq

import tracer
from tests.garbage import collect_garbage
from tests.openai.replies import QUESTION, chunk, delta, lima
from tests.openai.server import BREAK, Server, sse

ASKED: dict[str, Any] = {"model": "llama-3.3-70b-versatile", "messages": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.groq.autolog()
    yield
    tracer.groq.autolog(disable=True)
    collect_garbage()


def settings(server: Server, **http: Any) -> dict[str, Any]:
    # a proxy in place of the SDK's own address, since a model on this machine has no price
    return {"api_key": "k", "base_url": "http://api.groq.com", "max_retries": 0, **http}


@pytest.fixture
def client(server: Server) -> Iterator[groq.Groq]:
    http = groq.DefaultHttpxClient(verify=False, proxy=server.url)  # certificates would take most of a test's time
    with groq.Groq(**settings(server, http_client=http)) as client:
        yield client


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[groq.AsyncGroq], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[groq.AsyncGroq], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            http = groq.DefaultAsyncHttpxClient(verify=False, proxy=server.url)
            async with groq.AsyncGroq(**settings(server, http_client=http)) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: groq.Groq, arun: Any) -> Callable[..., Any]:
    """``call(…)`` makes a chat completion by the sync and by the async client; a stream comes as a list."""

    def call_sync(**given: Any) -> Any:
        result = client.chat.completions.create(**{**ASKED, **given})
        return list(result) if given.get("stream") else result

    def call_async(**given: Any) -> Any:
        async def scenario(client: groq.AsyncGroq) -> Any:
            result = await client.chat.completions.create(**{**ASKED, **given})
            return [event async for event in result] if given.get("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: groq.Groq) -> Callable[[], Any]:
    return lambda: client.chat.completions.create(**ASKED, stream=True)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(lambda client: scenario(lambda: client.chat.completions.create(**ASKED, stream=True)))


def chunks() -> list[dict[str, Any]]:
    """The chunks of "Lima.", with the tokens where Groq has them."""
    usage = {"prompt_tokens": 14, "completion_tokens": 9, "total_tokens": 23, "total_time": 0.1}
    return [*lima(usage=False)[:-1], chunk(delta(finish="stop"), x_groq={"id": "req_1", "usage": usage})]


@pytest.fixture
def whole(server: Server) -> None:
    server.will(sse(*chunks()))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    event = threading.Event()
    server.will(sse(*chunks()[:2], event, *chunks()[2:]))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(sse(*chunks()[:2], BREAK, done=False))

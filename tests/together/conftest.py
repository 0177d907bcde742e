"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("together", reason="tests/run.py makes an environment with it")

import together

import tracer
from tests.garbage import collect_garbage
from tests.openai.replies import QUESTION, USAGE, chunk, lima
from tests.openai.server import BREAK, Server, sse

MODEL = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
ASKED: dict[str, Any] = {"model": MODEL, "messages": QUESTION}


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.together.autolog()
    yield
    tracer.together.autolog(disable=True)
    collect_garbage()


def settings(**http: Any) -> dict[str, Any]:
    # a proxy in place of the SDK's own address, since a model on this machine has no price
    return {"api_key": "k", "base_url": "http://api.together.xyz/v1", "max_retries": 0, **http}


@pytest.fixture
def client(server: Server) -> Iterator[together.Together]:
    http = together.DefaultHttpxClient(verify=False, proxy=server.url)  # certificates would take most of a test's time
    with together.Together(**settings(http_client=http)) as client:
        yield client


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[together.AsyncTogether], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[together.AsyncTogether], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            http = together.DefaultAsyncHttpxClient(verify=False, proxy=server.url)
            async with together.AsyncTogether(**settings(http_client=http)) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: together.Together, arun: Any) -> Callable[..., Any]:
    """``call(…)`` makes a chat completion by the sync and by the async client; a stream comes as a list."""

    def call_sync(**given: Any) -> Any:
        result = client.chat.completions.create(**{**ASKED, **given})
        return list(result) if given.get("stream") else result

    def call_async(**given: Any) -> Any:
        async def scenario(client: together.AsyncTogether) -> Any:
            result = await client.chat.completions.create(**{**ASKED, **given})
            return [event async for event in result] if given.get("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: together.Together) -> Callable[[], Any]:
    return lambda: client.chat.completions.create(**ASKED, stream=True)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(lambda client: scenario(lambda: client.chat.completions.create(**ASKED, stream=True)))


def chunks() -> list[dict[str, Any]]:
    """The chunks of "Lima.", as Together sends them."""
    made = [chunk(*part["choices"], model=MODEL, usage=None) for part in lima(usage=False)]
    for number, part in enumerate(made):
        for choice in part["choices"]:
            choice["delta"] = {"tool_calls": [], **choice["delta"], "token_id": number}
            choice.update(logprobs=None, seed=None, text=choice["delta"].get("content") or "")
    made[-1]["usage"] = USAGE
    return made


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

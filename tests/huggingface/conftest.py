"""A local server, clients of the real package against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="tests/run.py makes an environment with it")

from huggingface_hub import AsyncInferenceClient, InferenceClient

import tracer
from tests.garbage import collect_garbage
from tests.openai.replies import QUESTION, lima
from tests.openai.server import BREAK, Server, sse

Client = InferenceClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The package leaves the connection of a stream open that is not read to its end."""
    for item in items:
        if "huggingface" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def autolog(own_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setattr("huggingface_hub.inference._client.get_token", lambda: None, raising=False)
    tracer.huggingface.autolog()
    yield
    tracer.huggingface.autolog(disable=True)
    collect_garbage()


@pytest.fixture
def client(server: Server) -> InferenceClient:
    return InferenceClient(server.url, token="k")


@pytest.fixture
def arun(server: Server) -> Callable[[Callable[[AsyncInferenceClient], Awaitable[Any]]], Any]:
    """Runs ``scenario(async_client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[AsyncInferenceClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with AsyncInferenceClient(server.url, token="k") as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: InferenceClient, arun: Any) -> Callable[..., Any]:
    """``call(task, …)`` calls a method of the sync and of the async client; a stream comes as a list."""

    def call_sync(task: str, *given: Any, **named: Any) -> Any:
        result = getattr(client, task)(*given, **named)
        return list(result) if named.get("stream") else result

    def call_async(task: str, *given: Any, **named: Any) -> Any:
        async def scenario(client: AsyncInferenceClient) -> Any:
            result = await getattr(client, task)(*given, **named)
            return [event async for event in result] if named.get("stream") else result

        return arun(scenario)

    return call_sync if request.param == "sync" else call_async


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: InferenceClient) -> Callable[[], Any]:
    return lambda: client.chat_completion(QUESTION, stream=True)


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    return lambda scenario: arun(lambda client: scenario(lambda: client.chat_completion(QUESTION, stream=True)))


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

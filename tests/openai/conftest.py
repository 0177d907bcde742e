"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest

import tracer
from tests.openai.server import Server
from tracer.store import open_store


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    gc.collect()
    gc.freeze()  # what is imported by now need not be gone through after every test
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(running_server: Server) -> Server:
    running_server.asked.clear()
    running_server.answers.clear()
    return running_server


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.openai.autolog()
    yield
    tracer.openai.autolog(disable=True)
    gc.collect()  # what a test let go of ends here, not in the next test


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


class Stored:
    """What the store holds of spans that have ended."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url

    @property
    def spans(self) -> list[Any]:
        traces = tracer.search_traces(max_results=1000)
        spans = [span for trace in traces for span in tracer.get_trace(trace.info.trace_id).data.spans]
        return [span for span in spans if span.end_time_ns is not None]

    @property
    def span(self) -> Any:
        """The only span there is."""
        spans = self.spans
        assert len(spans) == 1, [span.name for span in spans]
        return spans[0]

    def json(self, key: str) -> Any:
        return json.loads(self.span.attributes[key])

    def attachment(self, reference: str) -> tuple[str, bytes] | None:
        """Media type and content of what a reference in a payload stands for."""
        store = open_store(self._store_url)
        try:
            return store.attachment(reference.removeprefix("tracer-attachment:").split(";")[0])
        finally:
            store.close()

    @property
    def output(self) -> list[Any]:
        return self.json("gen_ai.output.messages")

    @property
    def input(self) -> list[Any]:
        return self.json("gen_ai.input.messages")


@pytest.fixture
def stored(store_url: str) -> Stored:
    return Stored(store_url)


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

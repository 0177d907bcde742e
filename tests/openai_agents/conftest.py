"""Agents of the real SDK against a local server, and the trees that were stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import agents
import openai
import pytest
from agents import Agent, Model, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner

import tracer
from tests.garbage import collect_garbage
from tests.openai.server import Server
from tests.trees import Trees

Client = openai.AsyncOpenAI


@pytest.fixture(scope="session", autouse=True)
def nothing_leaves_this_machine() -> None:
    agents.set_trace_processors([])


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.openai.autolog()
    yield
    tracer.openai.autolog(disable=True)
    collect_garbage()
    from tracer._openai_agents.runs import steps  # type: ignore[import-not-found, unused-ignore]

    assert steps._open == {}  # in no case is a step left open
    assert tracer.get_current_active_span() is None


@pytest.fixture
def in_loop(server: Server) -> Callable[[Callable[[Client], Awaitable[Any]]], Any]:
    """Runs ``scenario(client)`` in a loop of its own."""

    def run_scenario(scenario: Callable[[Client], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with make_client(server) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


def make_client(server: Server) -> Client:
    http = openai.DefaultAsyncHttpxClient(verify=False)  # loading certificates would take most of a test's time
    return openai.AsyncOpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http)


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    """Each of OpenAI's two APIs."""
    return str(request.param)


def make_model(api: str, client: Client) -> Model:
    kind = OpenAIResponsesModel if api == "responses" else OpenAIChatCompletionsModel
    return kind("gpt-4o", client)


@pytest.fixture(params=["run", "run_sync", "run_streamed"])
def way(request: pytest.FixtureRequest) -> str:
    """Each of the Runner's ways to run."""
    return str(request.param)


@pytest.fixture
def ask(server: Server) -> Callable[..., Any]:
    """``ask(way, make_agent, asked, …)`` runs ``make_agent(client)`` to its end and gives the result."""

    def run(way: str, make_agent: Callable[[Client], Agent[Any]], asked: Any = "Weather?", **settings: Any) -> Any:
        if way == "run_sync":
            return _run_sync(server, make_agent, asked, settings)

        async def main() -> Any:
            async with make_client(server) as client:
                if way == "run":
                    return await Runner.run(make_agent(client), asked, **settings)
                result = Runner.run_streamed(make_agent(client), asked, **settings)
                async for _ in result.stream_events():
                    pass
                return result

        return asyncio.run(main())

    return run


def _run_sync(server: Server, make_agent: Callable[[Client], Agent[Any]], asked: Any, settings: Any) -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the one that run_sync takes
    client = make_client(server)
    try:
        return Runner.run_sync(make_agent(client), asked, **settings)
    finally:
        loop.run_until_complete(client.close())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture
def stored() -> Trees:
    return Trees()

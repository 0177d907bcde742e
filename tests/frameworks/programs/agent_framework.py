"""Microsoft's Agent Framework with its own OpenTelemetry."""

from __future__ import annotations

import asyncio
from typing import Any

from agent_framework import Agent  # type: ignore[import-not-found]
from agent_framework.observability import enable_sensitive_telemetry  # type: ignore[import-not-found]
from agent_framework.openai import OpenAIChatCompletionClient  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

enable_sensitive_telemetry()


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def agent(name: str = "weather", *tools: Any) -> Agent:
    return Agent(OpenAIChatCompletionClient(MODEL), name=name, tools=list(tools))


def plain_program() -> None:
    asyncio.run(agent().run(QUESTION))


def tools_program() -> None:
    asyncio.run(agent("weather", get_weather).run(QUESTION))


def nested_program() -> None:
    asyncio.run(agent("outer", agent("inner").as_tool(name="get_weather")).run(QUESTION))


def streamed_program() -> None:
    async def main() -> None:
        async for _ in agent().run(QUESTION, stream=True):
            pass

    asyncio.run(main())


async_program = plain_program
error_program = plain_program

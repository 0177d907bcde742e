"""Strands with its own OpenTelemetry."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_tool_definitions"

from strands import Agent, tool  # type: ignore[import-not-found]
from strands.models.openai import OpenAIModel  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def agent(name: str = "weather", *tools: Any) -> Agent:
    return Agent(
        OpenAIModel(client_args={"max_retries": 0}, model_id=MODEL), name=name, tools=list(tools), callback_handler=None
    )


def plain_program() -> None:
    agent()(QUESTION)


def tools_program() -> None:
    agent("weather", get_weather)(QUESTION)


def nested_program() -> None:
    inner = agent()

    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return str(inner(f"{QUESTION} ({city})"))

    agent("outer", get_weather)(QUESTION)


def streamed_program() -> None:
    async def main() -> None:
        async for _ in agent().stream_async(QUESTION):
            pass

    asyncio.run(main())


def async_program() -> None:
    asyncio.run(agent().invoke_async(QUESTION))


def error_program() -> None:
    agent()(QUESTION)

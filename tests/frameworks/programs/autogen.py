"""AutoGen with its own OpenTelemetry for agents and tools, and OpenInference's instrumentation of openai for models."""

from __future__ import annotations

import asyncio
from typing import Any

from autogen_agentchat.agents import AssistantAgent  # type: ignore[import-not-found]
from autogen_agentchat.tools import AgentTool  # type: ignore[import-not-found]
from autogen_ext.models.openai import OpenAIChatCompletionClient  # type: ignore[import-not-found]
from openinference.instrumentation.openai import OpenAIInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

OpenAIInstrumentor().instrument()
NOT_SENT = ("tool steps",)  # their arguments and results


async def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def agent(name: str = "weather", *tools: Any, **options: Any) -> AssistantAgent:
    client = OpenAIChatCompletionClient(model=MODEL, max_retries=0)
    return AssistantAgent(name, client, tools=list(tools), **options)


def plain_program() -> None:
    asyncio.run(agent().run(task=QUESTION))


def tools_program() -> None:
    asyncio.run(agent("weather", get_weather, reflect_on_tool_use=True).run(task=QUESTION))


def nested_program() -> None:
    inner = AgentTool(agent("get_weather", description="Knows the weather."))
    asyncio.run(agent("outer", inner, reflect_on_tool_use=True).run(task=QUESTION))


def streamed_program() -> None:
    async def main() -> None:
        async for _ in agent(model_client_stream=True).run_stream(task=QUESTION):
            pass

    asyncio.run(main())


async_program = plain_program
error_program = plain_program

"""Agno with OpenInference's instrumentation."""

from __future__ import annotations

import asyncio
from typing import Any

from agno.agent import Agent  # type: ignore[import-not-found]
from agno.models.openai import OpenAIChat  # type: ignore[import-not-found]
from openinference.instrumentation.agno import AgnoInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

AgnoInstrumentor().instrument()


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def agent(name: str = "weather", *tools: Any) -> Agent:
    return Agent(name=name, model=OpenAIChat(id=MODEL, max_retries=0), tools=list(tools), telemetry=False)


def plain_program() -> None:
    agent().run(QUESTION)


def tools_program() -> None:
    agent("weather", get_weather).run(QUESTION)


def nested_program() -> None:
    def ask_weather(city: str) -> str:
        """The weather of a city."""
        return str(agent().run(f"{QUESTION} ({city})").content)

    agent("outer", ask_weather).run(QUESTION)


def streamed_program() -> None:
    for _ in agent().run(QUESTION, stream=True):
        pass


def async_program() -> None:
    asyncio.run(agent().arun(QUESTION))


def error_program() -> None:
    agent().run(QUESTION)

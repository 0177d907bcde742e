"""CrewAI with OpenInference's instrumentations of it and of openai, which it uses."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false")

from crewai import LLM, Agent, Crew, Task  # type: ignore[import-not-found]
from crewai.tools import tool  # type: ignore[import-not-found]
from openinference.instrumentation.crewai import CrewAIInstrumentor  # type: ignore[import-not-found]
from openinference.instrumentation.openai import OpenAIInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

CrewAIInstrumentor().instrument()
OpenAIInstrumentor().instrument()


@tool("get_weather")
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def crew(*tools: Any, **options: Any) -> Crew:
    model = LLM(MODEL, max_retries=0, **options)
    about = {"role": "Forecaster", "goal": "Know the weather", "backstory": "You look out of the window."}
    agent = Agent(**about, llm=model, tools=list(tools), max_retry_limit=0)
    return Crew(agents=[agent], tasks=[Task(description=QUESTION, expected_output="A sentence.", agent=agent)])


def plain_program() -> None:
    crew().kickoff()


def tools_program() -> None:
    crew(get_weather).kickoff()


def nested_program() -> None:
    @tool("get_weather")
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return str(crew().kickoff())

    crew(get_weather).kickoff()


def streamed_program() -> None:
    crew(stream=True).kickoff()


def async_program() -> None:
    asyncio.run(crew().kickoff_async())


def error_program() -> None:
    crew().kickoff()

"""PydanticAI with its own OpenTelemetry."""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent  # type: ignore[import-not-found]
from pydantic_ai.models.openai import OpenAIChatModel  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

Agent.instrument_all()


def agent(*, has_tool: bool = False) -> Agent:
    made = Agent(OpenAIChatModel(MODEL), name="weather")
    if has_tool:

        @made.tool_plain
        def get_weather(city: str) -> str:
            return f"21 degrees in {city}"

    return made


def plain_program() -> None:
    agent().run_sync(QUESTION)


def tools_program() -> None:
    agent(has_tool=True).run_sync(QUESTION)


def nested_program() -> None:
    outer = Agent(OpenAIChatModel(MODEL), name="outer")

    @outer.tool_plain
    async def get_weather(city: str) -> str:
        return str((await agent().run(f"{QUESTION} ({city}) 21?")).output)

    outer.run_sync(QUESTION)


def streamed_program() -> None:
    async def main() -> None:
        async with agent().run_stream(QUESTION) as result:
            async for _ in result.stream_text():
                pass

    asyncio.run(main())


def async_program() -> None:
    asyncio.run(agent().run(QUESTION))


def error_program() -> None:
    agent().run_sync(QUESTION)

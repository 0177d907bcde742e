"""semantic-kernel with its own OpenTelemetry."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"

from semantic_kernel.agents import ChatCompletionAgent  # type: ignore[import-not-found]
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion  # type: ignore[import-not-found]
from semantic_kernel.functions import kernel_function  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

SENDS_CACHED = False
NOT_SENT = ("messages", "tools", "previews")  # they are records of its log


class Weather:
    @kernel_function(name="get_weather", description="The weather of a city.")
    def get_weather(self, city: str) -> str:
        return f"21 degrees in {city}"


def agent(name: str = "weather", *plugins: Any) -> ChatCompletionAgent:
    return ChatCompletionAgent(service=OpenAIChatCompletion(MODEL), name=name, plugins=list(plugins))


def ask(agent: ChatCompletionAgent) -> Any:
    return asyncio.run(agent.get_response(messages=QUESTION))


def plain_program() -> None:
    ask(agent())


def tools_program() -> None:
    ask(agent("weather", Weather()))


def nested_program() -> None:
    ask(agent("outer", agent("get_weather")))


def streamed_program() -> None:
    async def main() -> None:
        async for _ in agent().invoke_stream(messages=QUESTION):
            pass

    asyncio.run(main())


async_program = plain_program
error_program = plain_program

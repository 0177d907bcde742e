"""smolagents with OpenInference's instrumentation."""

from __future__ import annotations

import asyncio
from typing import Any

from openinference.instrumentation.smolagents import SmolagentsInstrumentor  # type: ignore[import-not-found]
from smolagents import OpenAIServerModel, ToolCallingAgent, tool  # type: ignore[import-not-found]

from tests.frameworks.models import ANSWER, MODEL, QUESTION, Message, call_of, is_weather

SmolagentsInstrumentor().instrument()
SENDS_CACHED = False


def answer_of(body: dict[str, Any]) -> Message:
    """The tool that knows the weather is called, then the one that ends the run."""
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body["tools"]}
    name = next((name for name in tools if is_weather(name)), None)
    if name is None or any(message["role"] == "assistant" for message in body["messages"]):
        return call_of("call_2", "final_answer", {"answer": ANSWER})
    return call_of("call_1", name, dict.fromkeys(tools[name]["properties"], "Lisbon"))


@tool
def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    return f"21 degrees in {city}"


def model() -> OpenAIServerModel:
    return OpenAIServerModel(MODEL, client_kwargs={"max_retries": 0})


def plain_program() -> None:
    ToolCallingAgent([], model(), verbosity_level=0).run(QUESTION)


def tools_program() -> None:
    ToolCallingAgent([get_weather], model(), verbosity_level=0).run(QUESTION)


def nested_program() -> None:
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: Its name.
        """
        return str(ToolCallingAgent([], model(), verbosity_level=0).run(f"{QUESTION} ({city})"))

    ToolCallingAgent([get_weather], model(), verbosity_level=0).run(QUESTION)


def streamed_program() -> None:
    for _ in ToolCallingAgent([], model(), stream_outputs=True, verbosity_level=0).run(QUESTION, stream=True):
        pass


def async_program() -> None:
    asyncio.run(asyncio.to_thread(plain_program))


def error_program() -> None:
    plain_program()

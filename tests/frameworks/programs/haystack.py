"""Haystack with OpenInference's instrumentation."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from haystack import Pipeline  # type: ignore[import-not-found]
from haystack.components.agents import Agent  # type: ignore[import-not-found]
from haystack.components.generators.chat import OpenAIChatGenerator  # type: ignore[import-not-found]
from haystack.dataclasses import ChatMessage  # type: ignore[import-not-found]
from haystack.tools import tool  # type: ignore[import-not-found]
from openinference.instrumentation.haystack import HaystackInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.models import MODEL, QUESTION

HaystackInstrumentor().instrument()
SENDS_CACHED = False
NOT_SENT = ("tools", "tool steps", "previews")  # the last are how Python writes the objects
ASKED = {"messages": [ChatMessage.from_user(QUESTION)]}


@tool
def get_weather(city: Annotated[str, "its name"]) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def generator(**options: Any) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(model=MODEL, max_retries=0, **options)


def pipeline(component: Any) -> Pipeline:
    made = Pipeline()
    made.add_component("weather", component)
    return made


def plain_program() -> None:
    pipeline(generator()).run({"weather": ASKED})


def tools_program() -> None:
    pipeline(Agent(chat_generator=generator(), tools=[get_weather])).run({"weather": ASKED})


def nested_program() -> None:
    @tool
    def get_weather(city: Annotated[str, "its name"]) -> str:
        """The weather of a city."""
        return str(Agent(chat_generator=generator()).run(**ASKED)["last_message"].text)

    Agent(chat_generator=generator(), tools=[get_weather]).run(**ASKED)


def streamed_program() -> None:
    options = {"stream_options": {"include_usage": True}}
    generator(streaming_callback=lambda chunk: None, generation_kwargs=options).run(**ASKED)


def async_program() -> None:
    asyncio.run(Agent(chat_generator=generator()).run_async(**ASKED))


def error_program() -> None:
    plain_program()

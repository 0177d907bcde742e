"""LlamaIndex with OpenInference's instrumentation."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent  # type: ignore[import-not-found]
from llama_index.core.llms import ChatMessage  # type: ignore[import-not-found]
from llama_index.llms.openai import OpenAI  # type: ignore[import-not-found]
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor  # type: ignore[import-not-found]

import tracer
from tests.frameworks.models import MODEL, QUESTION

LlamaIndexInstrumentor().instrument()
MESSAGES = [ChatMessage(role="user", content=QUESTION)]


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def model() -> OpenAI:
    return OpenAI(MODEL, max_retries=0, additional_kwargs={"stream_options": {"include_usage": True}})


def agent(name: str, *tools: Any) -> FunctionAgent:
    return FunctionAgent(name=name, description="Knows the weather.", tools=list(tools), llm=model())


def plain_program() -> None:
    OpenAI(MODEL).chat(MESSAGES)


def run(agent: FunctionAgent) -> Any:
    async def main() -> Any:
        return await agent.run(QUESTION)

    return asyncio.run(main())


def tools_program() -> None:
    run(agent("weather", get_weather))


def nested_program() -> None:
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        return str(await agent("inner").run(f"{QUESTION} ({city})"))

    run(agent("outer", get_weather))


def streamed_program() -> None:
    # its span is no longer the current one when the stream is read: alone it would be a trace of its own
    with tracer.start_span("agent", span_type="AGENT"):
        for _ in model().stream_chat(MESSAGES):
            pass


def async_program() -> None:
    run(agent("weather"))


def error_program() -> None:
    OpenAI(MODEL, max_retries=0).chat(MESSAGES)

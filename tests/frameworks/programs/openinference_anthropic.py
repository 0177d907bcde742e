"""The anthropic SDK, which makes spans of its own, with OpenInference's instrumentation beside them."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
from openinference.instrumentation.anthropic import AnthropicInstrumentor  # type: ignore[import-not-found]

import tracer
from tests.frameworks.models import QUESTION, AnthropicModel

AnthropicInstrumentor().instrument()
SERVER = AnthropicModel
ASKED: dict[str, Any] = {
    "model": AnthropicModel.name,
    "max_tokens": 64,
    "messages": [{"role": "user", "content": QUESTION}],
}
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def plain_program() -> None:
    anthropic.Anthropic().messages.create(**ASKED)


def tools_program() -> None:
    client = anthropic.Anthropic()
    with tracer.start_span("agent", span_type="AGENT") as agent:
        agent.set_inputs(QUESTION)
        asked = client.messages.create(**ASKED, tools=[TOOL])
        with tracer.start_span("get_weather", span_type="TOOL") as tool:
            tool.set_inputs({"city": "Lisbon"})
            tool.set_outputs("21 degrees")
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": "21 degrees"}
        messages = [
            *ASKED["messages"],
            {"role": "assistant", "content": asked.content},
            {"role": "user", "content": [result]},
        ]
        reply = client.messages.create(**{**ASKED, "messages": messages}, tools=[TOOL])
        agent.set_outputs(reply.content[0].text)


def nested_program() -> None:
    tools_program()


def streamed_program() -> None:
    with anthropic.Anthropic().messages.stream(**ASKED) as stream:
        stream.get_final_text()


def async_program() -> None:
    async def main() -> None:
        async for _ in await anthropic.AsyncAnthropic().messages.create(**ASKED, stream=True):
            pass

    asyncio.run(main())


def error_program() -> None:
    anthropic.Anthropic(max_retries=0).messages.create(**ASKED)

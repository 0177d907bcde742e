"""Programs that call the openai SDK below tracer's own steps, for the instrumentations of that SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import openai

import tracer
from tests.frameworks.models import CALL, MODEL, QUESTION, TOOL

ASKED: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}


def plain_program() -> None:
    openai.OpenAI().chat.completions.create(**ASKED)


def tools_program() -> None:
    client = openai.OpenAI()
    with tracer.start_span("agent", span_type="AGENT") as agent:
        agent.set_inputs(QUESTION)
        client.chat.completions.create(**ASKED, tools=[TOOL])
        with tracer.start_span("get_weather", span_type="TOOL") as tool:
            tool.set_inputs({"city": "Lisbon"})
            tool.set_outputs("21 degrees")
        result = {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}
        messages = [*ASKED["messages"], CALL, result]
        reply = client.chat.completions.create(**{**ASKED, "messages": messages}, tools=[TOOL])
        agent.set_outputs(reply.choices[0].message.content)


nested_program = tools_program


def streamed_program() -> None:
    for _ in openai.OpenAI().chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}):
        pass


def async_program() -> None:
    asyncio.run(openai.AsyncOpenAI().chat.completions.create(**ASKED))


def error_program() -> None:
    openai.OpenAI(max_retries=0).chat.completions.create(**ASKED)

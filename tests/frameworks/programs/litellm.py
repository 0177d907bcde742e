"""LiteLLM over the openai SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm  # type: ignore[import-not-found]

import tracer
from tests.frameworks.models import CALL, MODEL, QUESTION, TOOL

HAS_OWN_SPANS = False  # it has none without a callback
NATIVE = "litellm"
ASKED: dict[str, Any] = {"model": f"openai/{MODEL}", "messages": [{"role": "user", "content": QUESTION}]}


def plain_program() -> None:
    litellm.completion(**ASKED)


def tools_program() -> None:
    with tracer.start_span("agent", span_type="AGENT"):
        litellm.completion(**ASKED, tools=[TOOL])
        with tracer.start_span("get_weather", span_type="TOOL") as tool:
            tool.set_inputs({"city": "Lisbon"})
            tool.set_outputs("21 degrees")
        result = {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}
        litellm.completion(**{**ASKED, "messages": [*ASKED["messages"], CALL, result]}, tools=[TOOL])


def streamed_program() -> None:
    for _ in litellm.completion(**ASKED, stream=True, stream_options={"include_usage": True}):
        pass


def async_program() -> None:
    asyncio.run(litellm.acompletion(**ASKED))


def error_program() -> None:
    litellm.completion(**ASKED, max_retries=0)

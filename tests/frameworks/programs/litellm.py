"""LiteLLM over the openai SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm  # type: ignore[import-not-found]

from tests.frameworks.program import CALL, MODEL, QUESTION
from tests.openai.replies import TOOLS

HAS_OWN_SPANS = False  # it has none without a callback
ASKED: dict[str, Any] = {"model": f"openai/{MODEL}", "messages": [{"role": "user", "content": QUESTION}]}
TOOL = {**TOOLS[0], "function": {**TOOLS[0]["function"], "name": "get_weather"}}


def plain_program() -> None:
    litellm.completion(**ASKED)


def tools_program() -> None:
    import tracer

    with tracer.start_span("agent", span_type="AGENT"):
        litellm.completion(**ASKED, tools=[TOOL])
        result = {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}
        litellm.completion(**{**ASKED, "messages": [*ASKED["messages"], CALL, result]}, tools=[TOOL])


def streamed_program() -> None:
    for _ in litellm.completion(**ASKED, stream=True, stream_options={"include_usage": True}):
        pass


def async_program() -> None:
    asyncio.run(litellm.acompletion(**ASKED))


def error_program() -> None:
    litellm.completion(**ASKED, max_retries=0)

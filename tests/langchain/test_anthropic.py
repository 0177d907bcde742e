"""LangChain's model for Anthropic: once, with tracer's provider for the SDK or without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_anthropic", reason="tests/run.py makes an environment with it")

from langchain_anthropic import ChatAnthropic

import tracer
from tests.anthropic.replies import (
    CALL,
    QUESTION,
    TEXT,
    THINKING,
    TOOLS,
    USAGE,
    block,
    ended,
    message,
    started,
    text_deltas,
)
from tests.langchain.conftest import CLOSE, Trees
from tests.openai.server import Asked, Scripted, Server, reply, sse

# LangChain needs all counts in the last event
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE}
STREAM = [started(), *block(0, {"type": "text", "text": ""}, *text_deltas("Li", "ma.")), DELTA, ended()[-1]]


def answer(asked: Asked) -> Scripted:
    return sse(*STREAM, done=False) if asked.json.get("stream") else reply(message())


def invoke(model: Any) -> Any:
    return model.invoke(QUESTION).content


def stream(model: Any) -> Any:
    contents = [chunk.content for chunk in model.stream(QUESTION)]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return "".join([each for each in contents if isinstance(each, str)] + [block.get("text", "") for block in blocks])


def ainvoke(model: Any) -> Any:
    return asyncio.run(model.ainvoke(QUESTION)).content


@pytest.fixture(autouse=True)
def anthropic() -> Iterator[None]:
    tracer.anthropic.autolog()
    yield
    tracer.anthropic.autolog(disable=True)


def make_model(server: Server) -> Any:
    return ChatAnthropic(model="claude-test", base_url=server.url, api_key="k", max_retries=0, default_headers=CLOSE)


@pytest.mark.parametrize("has_provider", [True, False])
@pytest.mark.parametrize("way", [invoke, stream, ainvoke])
def test_a_call_counts_once(way: Callable[[Any], Any], has_provider: bool, server: Server, stored: Trees) -> None:
    server.will(answer)
    if not has_provider:
        tracer.anthropic.autolog(disable=True)

    assert way(make_model(server)) == "Lima."

    span = stored.span
    assert (span.name, stored.text) == ("chat claude-test", "Lima.")
    assert span.attributes["gen_ai.provider.name"] == "anthropic"
    if way is stream and not has_provider:
        return  # LangChain's own counts of streams differ from version to version
    counts = span.token_usage
    assert (counts["input_tokens"], counts["output_tokens"]) == (130, 9)
    assert (counts["cache_read_input_tokens"], counts["cache_write_input_tokens"]) == (100, 20)


def test_thinking_and_calls_of_tools_are_parts(server: Server, stored: Trees) -> None:
    server.will(reply(message(THINKING, TEXT, CALL, stop="tool_use")))
    tracer.anthropic.autolog(disable=True)

    make_model(server).bind_tools(TOOLS).invoke(QUESTION)

    [said] = stored.output
    assert [part["type"] for part in said["parts"]] == ["reasoning", "text", "tool_call"]
    assert said["parts"][-1]["arguments"] == {"city": "Lima"}
    assert stored.json("gen_ai.tool.definitions")[0]["name"] == "weather"

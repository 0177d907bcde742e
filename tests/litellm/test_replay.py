"""Calls of LiteLLM are recorded once, whatever they are sent over, and answered without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litellm", reason="tests/run.py makes an environment with it")

import litellm

import tracer
from tests.anthropic import replies as of_anthropic
from tests.openai.replies import chat, lima
from tests.openai.server import Server, reply, sse

ASKED: Any = {"messages": [{"role": "user", "content": "What is the capital of Peru?"}]}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "mistral/mistral-small", "anthropic/claude-sonnet-4-5"])
def test_a_completion_is_replayed(model: str, stream: bool, is_async: bool, server: Server, tmp_path: Path) -> None:
    base = server.url if model.startswith("anthropic") else f"{server.url}/v1"
    given: Any = {**ASKED, "model": model, "api_base": base, "api_key": "k", "max_retries": 0, "stream": stream}

    def said() -> list[Any]:
        if is_async:
            return asyncio.run(said_async())
        reply = litellm.completion(**given)
        return [chunk.choices[0].delta.content for chunk in reply] if stream else [reply.choices[0].message.content]

    async def said_async() -> list[Any]:
        reply = await litellm.acompletion(**given)
        if not stream:
            return [reply.choices[0].message.content]
        return [chunk.choices[0].delta.content async for chunk in reply]

    if model.startswith("anthropic"):
        whole, streamed = reply(of_anthropic.message(of_anthropic.TEXT)), sse(*of_anthropic.lima(), done=False)
    else:
        whole, streamed = reply(chat()), sse(*lima())
    server.will(streamed if stream else whole)
    with tracer.record(tmp_path / "c.jsonl"):
        first = said()
    server.will()

    with tracer.replay(tmp_path / "c.jsonl"):
        assert said() == first
    assert "Lima" in "".join(filter(None, first))
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == 1

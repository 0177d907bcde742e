"""No value of an unexpected type breaks the reading of a chat: its request, its reply, its chunks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.odd_bodies import read_all
from tests.openai.replies import QUESTION, TOOLS, chat, lima, tool_call
from tracer.provider.installed import find_provider_module

pytestmark = pytest.mark.no_store

ANTHROPIC = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [{"type": "text", "text": "Lima."}, {"type": "tool_use", "id": "c1", "name": "t", "input": {"x": 1}}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
ANTHROPIC_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**ANTHROPIC, "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Li"}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "t"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
]
CALLED = {"role": "assistant", "content": "Lima.", "tool_calls": [tool_call("c1", "weather", "{}")]}


def test_anthropic() -> None:
    request = {"model": "m", "messages": [*QUESTION, {"role": "assistant", "content": ANTHROPIC["content"]}]}

    assert read_all(
        find_provider_module("anthropic").MESSAGE,
        requests=[{**request, "tools": [{"name": "t", "input_schema": {}}], "system": "x"}],
        replies=[ANTHROPIC],
        streams=[ANTHROPIC_EVENTS],
    ) > 500  # fmt: skip


@pytest.mark.parametrize("name", ["openai.chat", "mistral.chat"])
def test_chats_in_the_format_of_openai(name: str) -> None:
    from tracer.provider.installed import find_operation

    operation = find_operation(name)

    assert operation is not None
    assert read_all(
        operation,
        requests=[{"model": "m", "messages": [*QUESTION, CALLED], "tools": TOOLS, "temperature": 1}],
        replies=[chat(CALLED)],
        streams=[lima()],
    ) > 300  # fmt: skip

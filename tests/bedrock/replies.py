"""Small replies in Bedrock's formats, made for these tests."""

from __future__ import annotations

from typing import Any

from tests.bedrock.event_stream import event

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
QUESTION = [{"role": "user", "content": [{"text": "What is the capital of Peru?"}]}]
USAGE = {
    "inputTokens": 10,
    "outputTokens": 5,
    "totalTokens": 22,
    "cacheReadInputTokens": 4,
    "cacheWriteInputTokens": 3,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 2}, {"ttl": "5m", "inputTokens": 1}],
}
COUNTED = {
    "input_tokens": 17,
    "output_tokens": 5,
    "total_tokens": 22,
    "cache_read_input_tokens": 4,
    "cache_write_input_tokens": 3,
    "cache_write_1h_input_tokens": 2,
}
TOOLS = [
    {"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
    {"cachePoint": {"type": "default"}},
]
CALL = {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Lima"}}}


def converse(*blocks: dict[str, Any], reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    """A reply of Converse; without blocks, the text "Lima."."""
    content = list(blocks) or [{"text": "Lima."}]
    message = {"role": "assistant", "content": content}
    return {
        "output": {"message": message}, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 1250}, **more
    }  # fmt: skip


def delta(index: int = 0, **content: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=content, p="abc")


def end(reason: str = "end_turn", **more: Any) -> list[bytes]:
    return [
        event("messageStop", stopReason=reason, p="ab"),
        event("metadata", usage=USAGE, metrics={"latencyMs": 1250}, p="a", **more),
    ]


def lima() -> list[bytes]:
    """The events of "Lima.", the first text of which is the second."""
    return [
        event("messageStart", role="assistant", p="abcdef"),
        delta(text="Li"),
        delta(text="ma"),
        delta(text="."),
        event("contentBlockStop", contentBlockIndex=0),
        *end(),
    ]

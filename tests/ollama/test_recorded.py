"""Exchanges recorded against real servers, replayed by a local server to the real SDK.

What the stored span must say is computed here from the raw bytes, by code that shares nothing with the product.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.openai.server import Scripted, Server

_PLACE = Path(os.environ.get("TRACER_RECORDED") or Path(__file__).parents[3] / "shared" / "recorded")
_FILE = _PLACE / "ollama.jsonl" if _PLACE.is_dir() else _PLACE
_EXCHANGES = [json.loads(line) for line in _FILE.read_text().splitlines()] if _FILE.is_file() else []

pytestmark = pytest.mark.skipif(not _EXCHANGES, reason=f"no recorded exchanges at {_FILE}")

HAS_THINKING = "thinking" in ollama.Message.model_fields


@pytest.mark.parametrize("exchange", _EXCHANGES, ids=lambda e: f"{e['path'].rpartition('/')[2]}-{e['id']}")
def test_recorded_exchange(exchange: dict[str, Any], server: Server, call: Any, stored: Any) -> None:
    if not HAS_THINKING and exchange["request"].get("stream") and '"thinking"' in exchange["body"]:
        pytest.skip("this version of the SDK drops thinking")
    headers = {name: value for name, value in exchange["headers"].items() if name != "content-type"}
    body = exchange["body"].encode()
    server.will(Scripted([body], exchange["status"], headers, exchange["content_type"] or None))

    raised = drive(call, exchange)

    assert raised == (exchange["status"] >= 400)
    assert recorded(stored.span) == expected(exchange)
    assert stored.span.inputs == server.asked[0].json
    assert server.asked[0].path == exchange["path"]


def drive(call: Any, exchange: dict[str, Any]) -> bool:
    """Make the call that was recorded; whether it raised."""
    arguments = {key: value for key, value in exchange["request"].items() if value not in (None, "", [], {})}
    try:
        call(exchange["path"].rpartition("/")[2], **arguments)
    except ollama.ResponseError:
        return True
    return False


def recorded(span: Any) -> dict[str, Any]:
    attributes = span.attributes
    messages = json.loads(attributes.get("gen_ai.output.messages", "[]"))
    parts = [part for message in messages for part in message["parts"]]
    asked = json.loads(attributes.get("gen_ai.input.messages", "[]"))
    return {
        "name": span.name,
        "error": span.status == "ERROR",
        "http status": attributes.get("http.response.status_code"),
        "models": (attributes.get("gen_ai.request.model"), attributes.get("gen_ai.response.model")),
        "tokens": (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens")),
        "times": [attributes.get(f"tracer.server.{name}_time") for name in ("total", "load", "prompt", "generation")],
        "finish reasons": list(attributes.get("gen_ai.response.finish_reasons", ())),
        "thinking": "".join(part["content"] for part in parts if part["type"] == "reasoning"),
        "text": "".join(part["content"] for part in parts if part["type"] == "text"),
        "tool calls": [[part.get("id"), part["name"], part["arguments"]] for part in parts if "arguments" in part],
        "asked": [part["content"] for message in asked for part in message["parts"]],
        "tools": json.loads(attributes.get("gen_ai.tool.definitions", "[]")),
        "sampling": (attributes.get("gen_ai.request.temperature"), attributes.get("gen_ai.request.seed")),
        "dimensions": attributes.get("gen_ai.embeddings.dimension.count"),
        "chunks": attributes.get("tracer.stream.chunks", 0),
        "output": span.outputs if not attributes.get("gen_ai.request.stream") else None,
    }


def expected(exchange: dict[str, Any]) -> dict[str, Any]:
    request, kind = exchange["request"], exchange["path"].rpartition("/")[2]
    lines = [json.loads(line) for line in exchange["body"].splitlines() if line.strip()]
    end = lines[-1]
    said = [line.get("message") or line for line in lines]
    calls = [call for each in said for call in each.get("tool_calls") or []]
    durations = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    is_stream = bool(request.get("stream"))
    operations = {"chat": "chat", "generate": "text_completion", "embeddings": "embeddings"}
    asked = {
        "chat": [message["content"] for message in request.get("messages", [])],
        "generate": [request.get("prompt")],
        "embeddings": [],
    }
    return {
        "name": f"{operations[kind]} {request['model']}",
        "error": exchange["status"] >= 400,
        "http status": None if is_stream else exchange["status"],
        "models": (request["model"], end.get("model")),
        "tokens": (end.get("prompt_eval_count"), end.get("eval_count")),
        "times": [end[name] / 1e9 if name in end else None for name in durations],
        "finish reasons": [end["done_reason"]] if "done_reason" in end else [],
        "thinking": "".join(each.get("thinking") or "" for each in said),
        "text": "".join(each.get("content") or each.get("response") or "" for each in said),
        "tool calls": [[c.get("id"), c["function"]["name"], c["function"]["arguments"]] for c in calls],
        "asked": asked[kind],
        "tools": [{"type": tool["type"], **tool["function"]} for tool in request.get("tools") or ()],
        "sampling": tuple((request.get("options") or {}).get(name) for name in ("temperature", "seed")),
        "dimensions": len(end["embedding"]) if "embedding" in end else None,
        "chunks": len(lines) if is_stream else 0,
        "output": None if is_stream else end,
    }

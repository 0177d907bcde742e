"""Exchanges recorded against real providers, replayed by a local server to the real SDK.

What the stored span must say is computed here from the raw bytes, by code that shares nothing with the product.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import tracer
from tests.openai.exchanges import EXCHANGES, FILE, call, call_async, kind_of, name_of, scripted
from tests.openai.sdk import HAS_RESPONSES
from tests.openai.server import Server

pytestmark = pytest.mark.skipif(not EXCHANGES, reason=f"no recorded exchanges at {FILE}")


@pytest.mark.parametrize("exchange", EXCHANGES, ids=name_of)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_recorded_exchange(exchange: dict[str, Any], is_async: bool, server: Server) -> None:
    kind = kind_of(exchange["path"])
    if kind == "responses" and not HAS_RESPONSES:
        pytest.skip("this version of the SDK has no Responses API")
    server.will(scripted(exchange))

    result = asyncio.run(call_async(exchange, server)) if is_async else call(exchange, server)

    [trace] = tracer.search_traces(max_results=10)
    [span] = tracer.get_trace(trace.info.trace_id).data.spans
    assert isinstance(result, Exception) == (exchange["status"] >= 400 or _events_of(exchange) is None)
    assert _recorded(span) == _expected(exchange)


# ---- the stored span ----


def _recorded(span: Any) -> dict[str, Any]:
    attributes = span.attributes
    messages = json.loads(attributes.get("gen_ai.output.messages", "[]"))
    parts = [part for message in messages for part in message["parts"]]
    return {
        "error": span.status == "ERROR",
        "http status": attributes.get("http.response.status_code"),
        "request model": attributes.get("gen_ai.request.model"),
        "model": attributes.get("gen_ai.response.model"),
        "id": attributes.get("gen_ai.response.id"),
        "input tokens": attributes.get("gen_ai.usage.input_tokens"),
        "output tokens": attributes.get("gen_ai.usage.output_tokens"),
        "cached": attributes.get("gen_ai.usage.cache_read.input_tokens") or 0,
        "reasoning": attributes.get("gen_ai.usage.reasoning.output_tokens") or 0,
        "finish reasons": list(attributes.get("gen_ai.response.finish_reasons", ())),
        "text": "".join(part["content"] for part in parts if part["type"] == "text"),
        "tool calls": [(part["name"], part["arguments"]) for part in parts if part["type"] == "tool_call"],
        "tools": len(json.loads(attributes.get("gen_ai.tool.definitions", "[]"))),
        "input messages": len(json.loads(attributes.get("gen_ai.input.messages", "[]"))),
        "request id": attributes.get("tracer.provider.request_id"),
        "inputs": _without_media({key: value for key, value in span.inputs.items() if key != "encoding_format"}),
    }


def _without_media(value: Any) -> Any:
    """Images and audio are kept apart from the payload; here it is enough that there is something in their place."""
    if isinstance(value, dict):
        return {key: _without_media(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_media(inner) for inner in value]
    is_media = isinstance(value, str) and (value.startswith(("tracer-attachment:", "data:")) or _is_base64(value))
    return "<media>" if is_media else value


def _is_base64(text: str) -> bool:
    return len(text) > 512 and " " not in text[:512]


# ---- the recorded bytes ----


def _expected(exchange: dict[str, Any]) -> dict[str, Any]:
    request, kind = exchange["request"], kind_of(exchange["path"])
    received = _events_of(exchange)
    events = received if received is not None and exchange["status"] < 400 else []
    said = _said_by_response(events) if kind == "responses" else _said_by_choices(events, kind)
    usage = _usage(events)
    details_in = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    details_out = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    cached = details_in.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens")
    return {
        "error": not events or any(event.get("error") and not event.get("output") for event in events),
        "http status": exchange["status"],
        "request model": request["model"],
        "input tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "cached": cached or 0,
        "reasoning": details_out.get("reasoning_tokens") or 0,
        "tools": len(request.get("tools") or request.get("functions") or []),
        "input messages": _count_inputs(request, kind),
        "request id": exchange["headers"].get("x-request-id"),
        "inputs": _without_media({key: value for key, value in request.items() if _was_sent(key, value)}),
        **said,
    }


def _was_sent(key: str, value: Any) -> bool:
    return not (key == "stream" and value is False) and key != "encoding_format"


def _events_of(exchange: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The body as JSON, in one piece or many; None if it is broken."""
    try:
        return _events(exchange["body"]) if exchange["request"].get("stream") else [json.loads(exchange["body"])]
    except ValueError:
        return None


def _events(body: str) -> list[dict[str, Any]]:
    lines = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _usage(events: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        holder = event.get("response") or event
        found = holder.get("usage") or (event.get("x_groq") or {}).get("usage") or found
    return found


def _count_inputs(request: dict[str, Any], kind: str) -> int:
    if kind == "embeddings":
        return 0
    fields = {"chat/completions": "messages", "responses": "input"}
    given = request.get(fields.get(kind, "prompt"))
    return 1 if isinstance(given, str) else len(given or [])


def _last(events: list[dict[str, Any]], key: str) -> Any:
    values = [event[key] for event in events if event.get(key) is not None]
    return values[-1] if values else None


def _arguments(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _said_by_choices(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    calls: dict[tuple[int, Any], list[str]] = {}
    for event in events:
        for position, choice in enumerate(event.get("choices") or []):
            index = choice.get("index", position)
            said = choice.get("delta") or choice.get("message") or {}
            texts[index] = texts.get(index, "") + (said.get("content") or choice.get("text") or "")
            if choice.get("finish_reason"):
                reasons[index] = choice["finish_reason"]
            legacy = [{"index": 0, "function": said["function_call"]}] if said.get("function_call") else []
            for place, tool in enumerate([*(said.get("tool_calls") or []), *legacy]):
                number = tool.get("index")
                call = calls.setdefault((index, place if number is None else number), ["", ""])
                call[0] += tool["function"].get("name") or ""
                call[1] += tool["function"].get("arguments") or ""
    is_listing = kind in ("embeddings", "images/generations")
    return {
        "model": _last(events, "model"),
        "id": _last(events, "id"),
        "finish reasons": [reasons[index] for index in sorted(reasons)],
        "text": "" if is_listing else "".join(texts[index] for index in sorted(texts)),
        "tool calls": [(call[0], _arguments(call[1])) for _, call in sorted(calls.items())],
    }


def _said_by_response(events: list[dict[str, Any]]) -> dict[str, Any]:
    whole = next((e["response"] for e in reversed(events) if e.get("response")), events[-1] if events else {})
    items = whole.get("output") or []
    texts = [part.get("text") or "" for item in items if item["type"] == "message" for part in item["content"]]
    calls = [(item["name"], _arguments(item["arguments"])) for item in items if item["type"] == "function_call"]
    ends = {"completed": "tool_calls" if calls else "stop", "incomplete": "length"}
    return {
        "model": whole.get("model"),
        "id": whole.get("id"),
        "finish reasons": [ends[whole["status"]]] if whole.get("status") in ends else [],
        "text": "".join(texts),
        "tool calls": calls,
    }

"""Replies of the demo server in OpenAI's shapes, derived from the request alone.

Source: OpenAI API reference (chat completions, responses, embeddings), as of 2026.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence

from tracer._json import JsonMapping, JsonObject

Body = JsonMapping

_RELEASE_OF = {"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06"}
_PRICES = (0.15e-6, 0.60e-6)  # USD a token, in and out: the list price of gpt-4o-mini
_CITIES = ("Lisbon", "Oslo", "Atlantis")
_SCRIPT = (
    ("case for", "Lisbon: 24 °C and sun all day. Take tram 28 up to Graça and stay for the sunset."),
    ("case against", "It is a day's travel for a day's stay, and the trams are full. Oslo's museums are dry and near."),
    ("Decide", "Lisbon: 24 °C and sunny. Oslo has rain, and nobody found Atlantis."),
)
_DEFAULT = "This is a scripted reply from tracer's demo server."


def chat_reply(body: Body) -> JsonObject:
    """The body of a ``chat.completion``."""
    message, finish_reason = _assistant_message(body)
    return {
        **_chat_head(body, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}],
        "usage": _chat_usage(body, message),
    }


def chat_chunks(body: Body) -> Iterator[JsonObject]:
    """The chunks of a streamed chat completion; the last carries the usage if the request asked for it."""
    message, finish_reason = _assistant_message(body)
    head = _chat_head(body, "chat.completion.chunk")
    yield {**head, "choices": [_delta({"role": "assistant", "content": ""})]}
    for piece in _pieces(message["content"] or ""):
        yield {**head, "choices": [_delta({"content": piece})]}
    for index, call in enumerate(message.get("tool_calls", ())):
        yield {**head, "choices": [_delta({"tool_calls": [{"index": index, **call}]})]}
    yield {**head, "choices": [_delta({}, finish_reason)]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _chat_usage(body, message)}


def response_reply(body: Body) -> JsonObject:
    """The body of a ``response`` (Responses API)."""
    output = _response_output(body)
    return {**_response_head(body), "status": "completed", "output": output, "usage": _response_usage(body, output)}


def _response_output(body: Body) -> list[JsonObject]:
    given = body.get("input")
    tools = [tool for tool in body.get("tools") or () if tool.get("type") == "function"]
    is_answered = isinstance(given, list) and any(item.get("type") == "function_call_output" for item in given)
    if tools and not is_answered:
        calls = _tool_calls(tools[0], _last_text(given))
        head = {"type": "function_call", "status": "completed"}
        return [{**head, "id": _id("fc"), "call_id": call["id"], **call["function"]} for call in calls]
    content = {"type": "output_text", "text": _answer(_last_text(given)), "annotations": [], "logprobs": []}
    return [{"id": _id("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [content]}]


def response_events(body: Body) -> Iterator[JsonObject]:
    """The events of a streamed response."""
    done = response_reply(body)
    started = {**done, "status": "in_progress", "output": [], "usage": None}
    items = (event for index, item in enumerate(done["output"]) for event in _item_events(index, item))
    events = (
        {"type": "response.created", "response": started},
        *items,
        {"type": "response.completed", "response": done},
    )
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _item_events(index: int, item: JsonObject) -> Iterator[JsonObject]:
    place = {"item_id": item["id"], "output_index": index}
    empty: JsonObject = {"content": []} if item["type"] == "message" else {"arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    if item["type"] == "message":
        yield from _text_events({**place, "content_index": 0}, item["content"][0])
    else:
        yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(place: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in _pieces(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}


def embeddings_reply(body: Body) -> JsonObject:
    """The body of a list of embeddings, one of a few dimensions for each input."""
    given = body.get("input") or ""
    texts = [given] if isinstance(given, str) else given
    found = [
        {"object": "embedding", "index": index, "embedding": [round(0.1 * (index + 1) / step, 4) for step in (1, 2, 3)]}
        for index, _ in enumerate(texts)
    ]
    tokens = sum(_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body.get("model"), "data": found, "usage": usage}


# --- messages


def _assistant_message(body: Body) -> tuple[JsonObject, str]:
    messages = body.get("messages") or []
    tools = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    last = messages[-1] if messages else {}
    if tools and last.get("role") != "tool":
        calls = _tool_calls(tools[0], _last_text(messages))
        return {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None}, "tool_calls"
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    text = json.dumps(_example(schema)) if schema else _answer(_last_text(messages))
    return {"role": "assistant", "content": text, "refusal": None}, "stop"


def _answer(prompt: str) -> str:
    return next((reply for words, reply in _SCRIPT if words in prompt), _DEFAULT)


def _tool_calls(tool: JsonMapping, prompt: str) -> list[JsonObject]:
    parameters = tool.get("parameters") or {}
    arguments: list[object] = [_example(parameters)]
    if "city" in parameters.get("properties", {}):
        arguments = [{"city": city} for city in _CITIES if city in prompt] or [{"city": _CITIES[0]}]
    return [
        {"id": _id("call"), "type": "function", "function": {"name": tool["name"], "arguments": json.dumps(given)}}
        for given in arguments
    ]


def _example(schema: JsonMapping) -> object:
    """Some value that satisfies the simple parts of a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {name: _example(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(schema.get("items") or {})]
    return {"integer": 1, "number": 1.5, "boolean": True}.get(str(kind), "example")


def _last_text(messages: str | Sequence[object] | None) -> str:
    if isinstance(messages, str):
        return messages
    for message in reversed(messages or []):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content") or ""
            return content if isinstance(content, str) else " ".join(str(part.get("text", "")) for part in content)
    return ""


def _pieces(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


# --- heads, usage


def _chat_head(body: Body, kind: str) -> JsonObject:
    return {
        "id": _id("chatcmpl"),
        "object": kind,
        "created": int(time.time()),
        "model": _model(body),
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def _response_head(body: Body) -> JsonObject:
    return {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "model": _model(body),
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": body.get("temperature", 1.0),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _delta(delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}


def _chat_usage(body: Body, message: JsonMapping) -> JsonObject:
    prompt, completion = _tokens(body.get("messages"), body.get("tools")), _tokens(message)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        # the extension of OpenRouter and others
        "cost": round(prompt * _PRICES[0] + completion * _PRICES[1], 9),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _response_usage(body: Body, output: list[JsonObject]) -> JsonObject:
    produced = _tokens(*(item.get("arguments") or item["content"][0]["text"] for item in output))
    given = _tokens(body.get("input"), body.get("instructions"))
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": produced,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + produced,
    }


def _tokens(*values: object) -> int:
    """A plausible number of tokens: about one in four characters."""
    return sum(-(-len(value if isinstance(value, str) else json.dumps(value)) // 4) for value in values if value)


def _model(body: Body) -> str:
    asked = str(body.get("model") or "gpt-4o-mini")
    return _RELEASE_OF.get(asked, asked)


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"

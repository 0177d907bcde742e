"""generateContent and embedContent: requests and replies, with parts in the schema of the conventions."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import media_part, text_part, uri_part
from tracer.provider import Reply, Request

from .._values import as_count, as_dict, as_dicts, as_text, error_in, given

Part = JsonObject

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "topP": semconv.REQUEST_TOP_P,
    "topK": semconv.REQUEST_TOP_K,
    "maxOutputTokens": semconv.REQUEST_MAX_TOKENS,
    "stopSequences": semconv.REQUEST_STOP_SEQUENCES,
    "candidateCount": semconv.REQUEST_CHOICE_COUNT,
    "seed": semconv.REQUEST_SEED,
    "frequencyPenalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presencePenalty": semconv.REQUEST_PRESENCE_PENALTY,
}
_ROLES = {"model": "assistant", "function": "tool"}
_MODALITIES = ("image", "audio", "video")


def field(holder: JsonMapping, name: str) -> Any:
    """A field by its name in the API, or by that name in snake case, which the SDK sends in some places."""
    value = holder.get(name)
    return holder.get(_snake(name)) if value is None else value


@functools.lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def read_request(body: object) -> Request:
    """Read a request to generate content."""
    body = as_dict(body)
    config = as_dict(field(body, "generationConfig"))
    mime = field(config, "responseMimeType")
    thinking = as_dict(field(config, "thinkingConfig"))
    return Request(
        model=as_text(body.get("model")),
        messages=[_message(content) for content in as_dicts(body.get("contents"))],
        system=_message(as_dict(field(body, "systemInstruction")))["parts"],
        tools=body.get("tools"),
        attributes={
            **{key: field(config, name) for name, key in _PARAMETERS.items()},
            semconv.REQUEST_REASONING_LEVEL: as_text(field(thinking, "thinkingLevel")),
            semconv.OUTPUT_TYPE: "json" if mime == "application/json" else None,
        },
    )


def read_reply(body: object) -> Reply:
    """Read a reply with generated content."""
    body = as_dict(body)
    candidates = as_dicts(body.get("candidates"))
    reasons = [as_text(field(candidate, "finishReason")) for candidate in candidates]
    blocked = as_text(field(as_dict(field(body, "promptFeedback")), "blockReason"))
    return Reply(
        model=as_text(field(body, "modelVersion")),
        id=as_text(field(body, "responseId")),
        messages=[
            {**_message(as_dict(candidate.get("content"))), "role": "assistant", "finish_reason": reason}
            for candidate, reason in zip(candidates, reasons)
        ],
        finish_reasons=[reason for reason in [*reasons, blocked] if reason],
        usage=read_usage(field(body, "usageMetadata")),
        **error_in(body, "status", "code"),
    )


def read_usage(usage: object) -> JsonObject:
    """Token counts by tracer's names. Google counts thoughts and results of its tools separately."""
    usage = as_dict(usage)
    prompt, candidates = field(usage, "promptTokenCount"), field(usage, "candidatesTokenCount")
    tools, thoughts = field(usage, "toolUsePromptTokenCount"), field(usage, "thoughtsTokenCount")
    counts = {
        "input_tokens": None if prompt is None else as_count(prompt) + as_count(tools),
        "output_tokens": None if candidates is None and thoughts is None else as_count(candidates) + as_count(thoughts),
        "total_tokens": field(usage, "totalTokenCount"),
        "cache_read_input_tokens": field(usage, "cachedContentTokenCount"),
        "reasoning_output_tokens": thoughts,
    }
    for side, name in (("input", "promptTokensDetails"), ("output", "candidatesTokensDetails")):
        for detail in as_dicts(field(usage, name)):
            kind = str(detail.get("modality")).lower()
            counts[f"{kind}_{side}_tokens"] = field(detail, "tokenCount")
    return counts


def read_embedding_request(body: object) -> Request:
    """Read a request for embeddings."""
    body = as_dict(body)
    first = next(iter(as_dicts(body.get("requests"))), body)
    dimensions = field(first, "outputDimensionality")
    return Request(as_text(body.get("model")), attributes={semconv.EMBEDDINGS_DIMENSIONS: dimensions})


def read_embedding_reply(body: object) -> Reply:
    """Read a reply with embeddings."""
    body = as_dict(body)
    first = next(iter(as_dicts(body.get("embeddings"))), as_dict(body.get("embedding")))
    values = first.get("values")
    return Reply(
        usage=read_usage(field(body, "usageMetadata")),
        attributes={semconv.EMBEDDINGS_DIMENSIONS: len(values) if isinstance(values, list) else None},
    )


def _message(content: JsonMapping) -> JsonObject:
    parts = list(_parts(content.get("parts")))
    role = str(content.get("role") or "user")
    is_result = bool(parts) and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if is_result else _ROLES.get(role, role), "parts": parts}


def _parts(parts: object) -> Iterator[Part]:
    for part in as_dicts(parts):
        yield _part(part)


def _part(part: JsonMapping) -> Part:
    text = part.get("text")
    if isinstance(text, str):
        return {"type": "reasoning", "content": text} if part.get("thought") else text_part(text)
    for name, convert in _CONVERSIONS.items():
        found = field(part, name)
        if isinstance(found, dict):
            return given(convert(found))
    return {"type": "unknown", **part}


def _call(call: JsonMapping) -> Part:
    return {"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "arguments": call.get("args") or {}}


def _response(response: JsonMapping) -> Part:
    identity = response.get("id") or response.get("name")
    return {"type": "tool_call_response", "id": identity, "response": response.get("response")}


def _inline(media: JsonMapping) -> Part:
    mime = as_text(field(media, "mimeType"))
    content = (as_text(media.get("data")) or "").replace("-", "+").replace("_", "/")  # the SDK writes URL-safe base64
    return media_part(_modality(mime), content, mime)


def _file(media: JsonMapping) -> Part:
    return uri_part(_modality(as_text(field(media, "mimeType"))), as_text(field(media, "fileUri")) or "")


def _modality(mime: str | None) -> str:
    kind = (mime or "").partition("/")[0]
    return kind if kind in _MODALITIES else "file"


def _code(code: JsonMapping) -> Part:
    call = {"type": "code_execution", **code}
    return {"type": "server_tool_call", "id": code.get("id"), "name": "code_execution", "server_tool_call": call}


def _code_result(result: JsonMapping) -> Part:
    response = {"type": "code_execution", **result}
    return {"type": "server_tool_call_response", "id": result.get("id"), "server_tool_call_response": response}


_CONVERSIONS = {
    "functionCall": _call,
    "functionResponse": _response,
    "inlineData": _inline,
    "fileData": _file,
    "executableCode": _code,
    "codeExecutionResult": _code_result,
}

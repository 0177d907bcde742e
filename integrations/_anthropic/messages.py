"""Requests and replies of the Messages API, with content blocks as parts in the schema of the conventions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import file_part, media_part, text_part, uri_part
from tracer.provider import Reply, Request

from .._values import as_count, as_dict, as_dicts, as_text, error_in, given

Block = JsonMapping
Part = JsonObject

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "stop_sequences": semconv.REQUEST_STOP_SEQUENCES,
    "stream": semconv.REQUEST_STREAM,
}


def read_request(body: object) -> Request:
    """Read a request for a message."""
    body = as_dict(body)
    output = as_dict(body.get("output_config"))
    output_format = as_dict(output.get("format") or body.get("output_format"))
    return Request(
        model=as_text(body.get("model")),
        messages=[_message(message) for message in as_dicts(body.get("messages"))],
        system=list(content_parts(body.get("system"))),
        tools=body.get("tools"),
        attributes={
            **{key: body.get(name) for name, key in _PARAMETERS.items()},
            semconv.REQUEST_REASONING_LEVEL: as_text(output.get("effort")),
            semconv.OUTPUT_TYPE: "json" if output_format.get("type") == "json_schema" else None,
        },
    )


def read_reply(body: object) -> Reply:
    """Read a message of the model, or an error in its place."""
    body = as_dict(body)
    finish_reason = as_text(body.get("stop_reason"))
    content = body.get("content")
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=[{**_message(body), "finish_reason": finish_reason}] if content else None,
        finish_reasons=[finish_reason] if finish_reason else [],
        usage=read_usage(body.get("usage")),
        **error_in(body, "type"),
    )


def read_usage(usage: object) -> JsonObject:
    """Token counts by tracer's names. Anthropic's input tokens exclude those read from and written to the cache."""
    usage = as_dict(usage)
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    uncached = usage.get("input_tokens")
    return {
        "input_tokens": None if uncached is None else as_count(uncached) + as_count(read) + as_count(written),
        "output_tokens": usage.get("output_tokens"),
        "cache_read_input_tokens": read,
        "cache_write_input_tokens": written,
        "cache_write_1h_input_tokens": as_dict(usage.get("cache_creation")).get("ephemeral_1h_input_tokens") or None,
        "reasoning_output_tokens": as_dict(usage.get("output_tokens_details")).get("thinking_tokens"),
    }


def _message(message: Block) -> JsonObject:
    parts = list(content_parts(message.get("content")))
    is_result = bool(parts) and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if is_result else message.get("role") or "user", "parts": parts}


def content_parts(content: object) -> Iterator[Part]:
    """The parts of a message's content, which is text or a list of blocks."""
    if isinstance(content, str):
        yield text_part(content)
    else:
        for block in as_dicts(content):
            yield _part(block)


def _part(block: Block) -> Part:
    kind = str(block.get("type"))
    convert = _CONVERSIONS.get(kind)
    if convert is not None:
        return convert(block)
    if kind.endswith("_tool_result"):
        return _server_tool_result(block)
    return {**block, "type": kind}


def _text(block: Block) -> Part:
    part = text_part(as_text(block.get("text")) or "")
    return {**part, "annotations": block["citations"]} if block.get("citations") else part


def _thinking(block: Block) -> Part:
    return {"type": "reasoning", "content": as_text(block.get("thinking")) or ""}


def _redacted_thinking(_: Block) -> Part:
    return {"type": "reasoning", "content": "", "redacted": True}


def _tool_use(block: Block) -> Part:
    return {
        "type": "tool_call",
        "id": block.get("id"),
        "name": block.get("name"),
        "arguments": block.get("input"),
    }


def _tool_result(block: Block) -> Part:
    content = block.get("content")
    response = list(content_parts(content)) if isinstance(content, list) else content
    part = {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": response}
    return {**part, "is_error": True} if block.get("is_error") else part


def _server_tool_use(block: Block) -> Part:
    name = block.get("name")
    call = given({"type": name, "arguments": block.get("input"), "server_name": block.get("server_name")})
    return {"type": "server_tool_call", "id": block.get("id"), "name": name, "server_tool_call": call}


def _server_tool_result(block: Block) -> Part:
    result = {key: value for key, value in block.items() if key != "tool_use_id"}
    return {"type": "server_tool_call_response", "id": block.get("tool_use_id"), "server_tool_call_response": result}


def _image(block: Block) -> Part:
    return _source("image", block)


def _document(block: Block) -> Part:
    return {**_source("file", block), **given({"filename": block.get("title")})}


def _source(modality: str, block: Block) -> Part:
    source = as_dict(block.get("source"))
    kind, content = source.get("type"), source.get("data")
    if kind == "base64" and isinstance(content, str):
        return media_part(modality, content, as_text(source.get("media_type")))
    if kind == "url" and isinstance(source.get("url"), str):
        return uri_part(modality, source["url"])
    if kind == "file":
        return file_part(modality, source.get("file_id"))
    if kind == "text" and isinstance(content, str):
        return text_part(content)
    return {**block, "type": str(block.get("type"))}


_CONVERSIONS: dict[str, Callable[[Block], Part]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _server_tool_use,
    "image": _image,
    "document": _document,
}

"""Calls of Bedrock's models in a trace: requests, and replies as botocore reads them, made from a span."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer._replay.matching import path_of

if TYPE_CHECKING:
    from tracer._api.spans import Span

SCOPE = "tracer.bedrock"

_PATH = re.compile(r"/model/(?P<model>.+)/(?P<operation>converse|invoke)(?P<stream>-[a-z-]*stream)?")
_BLOBS = frozenset({"bytes", "redactedContent"})  # fields that are bytes, which a span has as data URLs
_DATA_URL = re.compile(r"data:[^,]*;base64,")
# botocore's wording of AWS's errors
_ERROR = re.compile(
    r"An error occurred \((?P<code>.*?)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: "
)
_JSON = {":content-type": "application/json"}


def why_not(span: Span) -> str | None:
    """Why a replay cannot answer a call; None if it can."""
    inputs = span.inputs if isinstance(span.inputs, dict) else {}
    if "body" in inputs:
        is_whole = isinstance(inputs["body"], dict)
        return None if is_whole else "a trace has bodies of invoke_model as they were sent only where they are JSON"
    if "modelId" in inputs and span.get_attribute(semconv.OPERATION) == "chat":
        return None
    return "of Bedrock, converse and invoke_model are answered from a trace"


def request_of(inputs: JsonMapping) -> JsonObject:
    """The request of a call; that of invoke_model has its body as the field ``body``."""
    if "body" in inputs:
        return {"modelId": inputs.get("modelId"), "body": inputs["body"]}
    return {name: _sent(value) for name, value in inputs.items() if name != "model"}


def asked(request: JsonMapping) -> JsonObject | None:
    """The same, read from an HTTP request; None if it is for another operation."""
    path, body = _PATH.search(path_of(request)), request.get("json")
    if path is None or request["method"] != "POST" or not isinstance(body, dict):
        return None
    fields = {"body": body} if path["operation"] == "invoke" else _sent(body)
    streams = {"stream": True} if path["stream"] else {}
    return {"modelId": unquote(path["model"]), **fields, **streams}


def reply_of(span: Span, outputs: Any) -> Any:
    """The body of a reply."""
    return outputs if is_invoke(span) else _sent(outputs)


def is_invoke(span: Span) -> bool:
    """Whether the model is asked in its own format."""
    return isinstance(span.inputs, dict) and "body" in span.inputs


def headers_of(span: Span) -> list[list[str]]:
    """Headers of a response that the SDK shows to the program."""
    request_id = span.get_attribute(semconv.REQUEST_ID)
    return [["x-amzn-requestid", request_id]] if isinstance(request_id, str) else []


def event_of(span: Span, chunk: JsonObject) -> JsonObject:
    """An event of a stream, as a cassette has it."""
    if is_invoke(span):
        text = chunk["chunk"].get("bytes") if isinstance(chunk.get("chunk"), dict) else None  # of a format of its own
        kind, content = "chunk", {"bytes": {"json": chunk} if text is None else {"text": text}}
    else:
        [(kind, content)] = chunk.items()
    return _event({":event-type": kind, **_JSON, ":message-type": "event"}, content)


def failure_of(span: Span, error: Mapping[str, str]) -> JsonObject | None:
    """The event by which AWS ends a stream that fails; None if the connection did."""
    if not error["type"].endswith("EventStreamError"):
        return None
    headers = {":exception-type": _code_of(span, error), **_JSON, ":message-type": "exception"}
    return _event(headers, {"message": _message_of(error)})


def refusal_of(span: Span, status: int, error: Mapping[str, str]) -> JsonObject:
    """The response by which AWS refuses a call."""
    headers = [["content-type", "application/json"], ["x-amzn-errortype", _code_of(span, error)], *headers_of(span)]
    return {"status": status, "headers": headers, "json": {"message": _message_of(error)}}


def _message_of(error: Mapping[str, str]) -> str:
    """The message of AWS, without botocore's words around it."""
    return _ERROR.sub("", error["message"], count=1)


def _code_of(span: Span, error: Mapping[str, str]) -> str:
    found = _ERROR.match(error["message"])
    return found["code"] if found else str(span.get_attribute(semconv.PROVIDER_ERROR_CODE) or error["type"])


def _event(headers: JsonObject, content: object) -> JsonObject:
    return {"event": headers, "json": content}


def _sent(value: Any, name: str = "") -> Any:
    """A value as it is sent, with bytes as base64."""
    if isinstance(value, dict):
        return {key: _sent(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sent(inner, name) for inner in value]
    return _DATA_URL.sub("", value, count=1) if name in _BLOBS and isinstance(value, str) else value

"""Tracing of the Google Gen AI SDK: Gemini through Google AI and Vertex AI, plain and streamed, and embeddings."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonObject, loads
from tracer.provider import Call, Door, Operation, Provider, Reply, Request, SpanType, autolog_of

from ._gemini.chunks import ContentAccumulator
from ._gemini.content import read_embedding_reply, read_embedding_request, read_reply, read_request
from ._values import Arguments, server_attributes

__all__ = ["autolog", "provider"]

CONTENT = Operation("generate_content", read_request, read_reply, ContentAccumulator)
EMBEDDING = Operation("embeddings", read_embedding_request, read_embedding_reply, span_type=SpanType.EMBEDDING)


def _generic(name: str) -> Operation:
    """An operation whose request and reply are recorded as they are."""
    return Operation(name, lambda body: Request(body["model"]), lambda _: Reply(), span_type=SpanType.LLM)


OPERATIONS = {
    "generateContent": CONTENT,
    "streamGenerateContent": CONTENT,
    "embedContent": EMBEDDING,
    "batchEmbedContents": EMBEDDING,
    "generateAnswer": _generic("generate_answer"),
    "predict": _generic("predict"),  # Imagen and other models of Vertex AI
    "predictLongRunning": _generic("predict_long_running"),  # Veo
}
"""By the action in ``models/{model}:{action}``; every other path generates nothing."""


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``request(http_method, path, request_dict, http_options)``; None if it generates nothing."""
    model, _, action = urlsplit(arguments["path"]).path.rpartition(":")
    action = action.partition("?")[0]
    operation = OPERATIONS.get(action)
    if operation is None or arguments["http_method"].lower() != "post":
        return None
    client: _Client = arguments["self"]
    body = {key: value for key, value in arguments["request_dict"].items() if not key.startswith("_")}
    return Call(
        operation,
        {"model": model.rpartition("/")[2], **body},
        provider="gcp.vertex_ai" if client.vertexai else "gcp.gemini",
        attributes={
            **_server(client, arguments.get("http_options")),
            semconv.REQUEST_STREAM: True if action.startswith("stream") else None,
        },
    )


class _Client(Protocol):
    """The SDK's client, of which only the address is read."""

    vertexai: bool | None
    _http_options: object


def _server(client: _Client, options: object) -> JsonObject:
    base = _base_url(options) or _base_url(client._http_options)
    url = urlsplit(base or "")
    return server_attributes(url.scheme, url.hostname, url.port)


def _base_url(options: object) -> str | None:
    return options.get("base_url") if isinstance(options, dict) else getattr(options, "base_url", None)


def reply_of(result: object) -> object:
    """The provider's JSON, which the SDK returns as text together with the headers."""
    body = getattr(result, "body", result)
    return (loads(body) if body else None) if isinstance(body, (str, bytes)) else body


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of the SDK."""
    code, status = getattr(error, "code", None), getattr(error, "status", None)
    return {
        semconv.HTTP_STATUS: code if isinstance(code, int) else None,
        semconv.PROVIDER_ERROR_CODE: status if isinstance(status, str) else None,
    }


_CLIENT = "google.genai._api_client:BaseApiClient"
_METHODS = ("request", "request_streamed", "async_request", "async_request_streamed")
_PARAMETERS = ("http_method", "path", "request_dict")

provider = Provider(
    name="gemini",
    module="google.genai",
    distribution="google-genai",
    supported="1.16.1 to 3.x",
    doors=tuple(Door(f"{_CLIENT}.{name}", read_call, parameters=_PARAMETERS, reply_of=reply_of) for name in _METHODS),
    read_error=read_error,
    read_later={"gemini.content": CONTENT},
)


@autolog_of("google.genai")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Google Gen AI SDK: content, chats and embeddings, sync, async, streamed.

    May be called before or after ``from google import genai``, and any number of times. ``disable=True`` puts the SDK
    back as it was.
    """
    provider.autolog(disable=disable)

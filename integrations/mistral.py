"""Tracing of the Mistral SDK: chat, agents, code, embeddings and other generating calls, plain and streamed."""

from __future__ import annotations

import functools
from typing import Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject, loads
from tracer.provider import Call, Door, Operation, Provider, Request, SpanType, autolog_of

from ._openai.chat import CHAT, parameters
from ._openai.other import EMBEDDING, generic
from ._openai.responses import RESPONSE
from ._values import Arguments, as_dict, as_text, server_attributes

__all__ = ["autolog", "provider"]


def _read_chat_request(body: object) -> Request:
    request = CHAT.read_request(body)
    return request._replace(attributes={**request.attributes, **_own_parameters(as_dict(body))})


def _read_fim_request(body: object) -> Request:
    """Fill-in-the-middle: the code before and after a gap."""
    body = as_dict(body)
    around = [body.get("prompt"), body.get("suffix")]
    messages = [{"role": "user", "content": code} for code in around if isinstance(code, str)]
    return Request(as_text(body.get("model")), messages, attributes={**parameters(body), **_own_parameters(body)})


def _own_parameters(body: JsonMapping) -> JsonObject:
    return {semconv.REQUEST_SEED: body.get("random_seed")} if body.get("random_seed") is not None else {}


_CHAT = CHAT._replace(read_request=_read_chat_request)

OPERATIONS: dict[str, Operation] = {
    "chat/completions": _CHAT,
    "agents/completions": _CHAT,
    "fim/completions": CHAT._replace(name="text_completion", read_request=_read_fim_request, span_type=SpanType.LLM),
    "responses": RESPONSE,
    "embeddings": EMBEDDING,
    "moderations": generic("moderations", SpanType.GUARDRAIL),
    "chat/moderations": generic("moderations", SpanType.GUARDRAIL),
    "ocr": generic("ocr", SpanType.LLM),
    "audio/speech": generic("audio.speech", SpanType.LLM),
    "audio/transcriptions": generic("audio.transcriptions", SpanType.LLM),
}
"""By the end of the path of a POST."""

_GENERATES_NOTHING = frozenset({
    "agents", "batch", "client", "connectors", "context", "deployments", "files", "fine_tuning", "input_tokens",
    "libraries", "models", "observability", "service-accounts", "sessions", "triggers", "voices", "webhooks",
    "workflows",
})  # fmt: skip


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``do_request(hook_ctx, request)``; None if it generates nothing."""
    request = arguments["request"]
    operation = operation_of(request.url.path) if request.method == "POST" else None
    if operation is None:
        return None
    attributes = server_attributes(request.url.scheme, request.url.host, request.url.port)
    return Call(operation, _body(request), provider="mistral_ai", attributes=attributes)


@functools.lru_cache(maxsize=256)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path, a generic one for an unknown path; None if it generates nothing."""
    segments = [segment for segment in path.split("/") if segment]
    found = OPERATIONS.get("/".join(segments[-2:])) or OPERATIONS.get("".join(segments[-1:]))
    if found is not None or not _GENERATES_NOTHING.isdisjoint(segments):
        return found
    if "conversations" in segments:  # …/{id}, …/{id}/restart
        return generic("conversations", SpanType.CHAT_MODEL)
    return generic(".".join(segments[-2:]) or "request")


def _body(request: Any) -> Any:
    """The body as JSON; of a form only the media type, because its files are read while they are sent."""
    kind = request.headers.get("content-type", "")
    return loads(request.content) if kind.startswith("application/json") else {"content_type": kind.partition(";")[0]}


_SDK = "mistralai.client.basesdk:BaseSDK"

provider = Provider(
    name="mistral",
    module="mistralai.client",
    distribution="mistralai",
    supported="2.0.0 to 3.x",
    doors=tuple(
        Door(f"{_SDK}.{name}", read_call, parameters=("request", "stream"))
        for name in ("do_request", "do_request_async")
    ),
    read_later={"mistral.chat": _CHAT, "openai.embedding": EMBEDDING, "openai.response": RESPONSE},
)


@autolog_of("mistralai")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Mistral SDK: chat, agents, code, embeddings, sync, async, streamed.

    May be called before or after ``from mistralai.client import Mistral``, and any number of times. ``disable=True``
    puts the SDK back as it was.
    """
    provider.autolog(disable=disable)

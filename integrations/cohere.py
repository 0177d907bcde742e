"""Tracing of the Cohere SDK: chat, embeddings, rerank and other generating calls, plain and streamed."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonObject
from tracer.provider import Call, Door, Hook, Operation, Provider, SpanType, autolog_of

from ._cohere import first
from ._cohere.chat import CHAT
from ._cohere.other import EMBEDDING, RERANK, generic
from ._values import Arguments, as_dict, server_attributes

__all__ = ["autolog", "provider"]

OPERATIONS: dict[str, Operation] = {
    "v2/chat": CHAT,
    "v1/chat": first.CHAT,
    "chat": first.CHAT,  # older versions of the SDK have the version in the URL
    "v1/generate": first.GENERATE,
    "generate": first.GENERATE,
    "embed": EMBEDDING,
    "rerank": RERANK,
    "classify": generic("classify", SpanType.LLM),
    "summarize": generic("summarize", SpanType.LLM),
    "parse": generic("parse", SpanType.PARSER),
    "transcriptions": generic("audio.transcriptions", SpanType.LLM),
}
"""By the end of the path of a POST."""

_GENERATES_NOTHING = frozenset({
    "batches", "check-api-key", "connectors", "datasets", "detokenize", "embed-jobs", "finetuning", "models",
    "tokenize",
})  # fmt: skip
# modules of the SDK whose clients send requests written for Cohere elsewhere
_ELSEWHERE = {"cohere.aws_client": "aws.bedrock", "cohere.oci_client": "oci.generative_ai"}


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``request(path, *, method, json, …)``; None if it generates nothing."""
    path = arguments.get("path") or ""
    operation = operation_of(path) if str(arguments.get("method")).upper() == "POST" else None
    if operation is None or arguments.get("retries"):  # a retry is made inside of the first try
        return None
    client = arguments["self"]
    elsewhere = _elsewhere(client.httpx_client)
    attributes = {} if elsewhere else _server(client, arguments.get("base_url"))
    return Call(operation, _body(arguments), provider=elsewhere, attributes=attributes)


@functools.lru_cache(maxsize=256)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path, a generic one for an unknown path; None if it generates nothing."""
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    found = OPERATIONS.get("/".join(segments[-2:])) or OPERATIONS.get("".join(segments[-1:]))
    if found is not None or not _GENERATES_NOTHING.isdisjoint(segments):
        return found
    return generic(".".join(segments[-2:]) or "request")


def _body(arguments: Arguments) -> JsonObject:
    """The body without arguments that were not given, which the SDK marks by an object of its own."""
    omit = arguments.get("omit")
    body = arguments.get("json")
    if not isinstance(body, dict):
        data = as_dict(arguments.get("data"))  # of a form, whose files are read while they are sent
        return {name: value for name, value in data.items() if value is not omit and value is not None}
    return {name: value for name, value in body.items() if value is not omit or omit is None}


def _elsewhere(httpx_client: Any) -> str | None:
    """The provider that the client's hooks send to in the place of Cohere."""
    hooks = as_dict(getattr(httpx_client, "event_hooks", None)).get("request") or ()
    return next((name for hook in hooks if (name := _ELSEWHERE.get(getattr(hook, "__module__", "")))), None)


def _server(client: Any, base_url: object) -> JsonObject:
    base = base_url or getattr(client, "base_url", None)
    url = urlsplit(str(base() if callable(base) else base or ""))
    return server_attributes(url.scheme, url.hostname, url.port)


def embeds(arguments: Arguments) -> None:
    """Let the batches of texts, which the SDK sends in threads of its own, be sent in the caller's context."""
    client = arguments["self"]
    if type(client._executor) is not _InContext:
        client._executor = _InContext(client._executor)


class _InContext:
    """The client's executor, whose tasks run in the context of their caller."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def map(self, function: Callable[..., object], *iterables: Any, **options: Any) -> Any:
        """The results in order, as the executor gives them."""
        context = contextvars.copy_context()
        return self._executor.map(lambda *items: context.copy().run(function, *items), *iterables, **options)


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of the SDK."""
    status = getattr(error, "status_code", None)
    return {semconv.HTTP_STATUS: status if isinstance(status, int) else None}


_SYNC, _ASYNC = "cohere.core.http_client:HttpClient", "cohere.core.http_client:AsyncHttpClient"
_PARAMETERS = ("path", "method", "json")

provider = Provider(
    name="cohere",
    module="cohere",
    supported="5.16.0 to 7.x",
    doors=(
        *(Door(f"{client}.request", read_call, parameters=_PARAMETERS) for client in (_SYNC, _ASYNC)),
        *(Door(f"{client}.stream", read_call, parameters=_PARAMETERS, is_context=True) for client in (_SYNC, _ASYNC)),
    ),
    hooks=(Hook("cohere.client:Client.embed", embeds),),
    read_error=read_error,
    read_later={
        "cohere.chat": CHAT,
        "cohere.first_chat": first.CHAT,
        "cohere.generate": first.GENERATE,
        "cohere.embedding": EMBEDDING,
        "cohere.rerank": RERANK,
    },
)


@autolog_of("cohere")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Cohere SDK: chat, embeddings, rerank, sync, async, streamed.

    May be called before or after ``import cohere``, and any number of times. ``disable=True`` puts the SDK back as it
    was.
    """
    provider.autolog(disable=disable)

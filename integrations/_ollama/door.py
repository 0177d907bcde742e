"""Requests of the Ollama SDK: operation, body and address; responses and errors."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonObject
from tracer.provider import Call, Operation

from .._values import Arguments, server_attributes
from .other import EMBEDDING, SYSTEM_ONE, WEB_FETCH, WEB_SEARCH, generic
from .text import CHAT, GENERATE

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording

OPERATIONS: dict[str, Operation] = {
    "chat": CHAT,
    "generate": GENERATE,
    "embed": EMBEDDING,
    "embeddings": EMBEDDING,
    "systemone": SYSTEM_ONE,
    "web_search": WEB_SEARCH,
    "web_fetch": WEB_FETCH,
}
"""By the last segment of the path of a POST."""

_GENERATES_NOTHING = frozenset({"blobs", "copy", "create", "delete", "ps", "pull", "push", "show", "signout", "tags"})


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``_request(cls, method, url, *, json)``; None if it generates nothing."""
    method, url = arguments["args"][:2]
    operation = operation_of(url) if method.upper() == "POST" else None
    if operation is None:
        return None
    server = urlsplit(url) if "://" in url else urlsplit(str(arguments["self"]._client.base_url))
    attributes = server_attributes(server.scheme, server.hostname, server.port)
    return Call(operation, arguments.get("json"), attributes=attributes)


@functools.lru_cache(maxsize=256)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path, a generic one for an unknown path; None if it generates nothing."""
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    if not _GENERATES_NOTHING.isdisjoint(segments):
        return None
    name = segments[-1] if segments else "request"
    return OPERATIONS.get(name) or generic(name)


def observe_response(recording: CallRecording, arguments: Arguments) -> None:
    """Record the HTTP response: the SDK drops the fields that it does not know."""
    recording.set_response(arguments["return"], {})


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of the SDK."""
    status = getattr(error, "status_code", None)
    return {semconv.HTTP_STATUS: status} if isinstance(status, int) and status > 0 else {}

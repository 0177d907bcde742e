"""The APIs in which a call can be made again: path, headers, what is asked for, and how its bodies are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError

_VERSION = "/v1"


@dataclass(frozen=True)
class Dialect:
    """One API: ``reader`` names the operation that reads its bodies, ``provider`` who sells it where nothing tells."""

    reader: str
    provider: str
    path: Callable[[str, JsonObject], str]  # the URL, from that of the server and the body
    headers: Callable[[str, str], dict[str, str]]  # from the host and the key
    prepared: Callable[[JsonObject], JsonObject]  # the body as it is sent


def _versioned(url: str) -> str:
    """The URL of an OpenAI-compatible API: that of a server without a path gets the usual one."""
    return url if urlsplit(url).path.strip("/") else f"{url}{_VERSION}"


def _root(url: str) -> str:
    return url.removesuffix(_VERSION)


def _gemini_path(url: str, body: JsonObject) -> str:
    action = "streamGenerateContent?alt=sse" if body.get("stream", True) else "generateContent"
    model = str(body["model"]).removeprefix("models/")
    if model.strip(".") == "":  # a name of dots would be a step up
        raise InvalidArgumentError(f"model is {model!r:.40}, expected the name of a model")
    return f"{_root(url)}/v1beta/models/{quote(model, safe='')}:{action}"


def _bearer(host: str, key: str) -> dict[str, str]:
    if host.endswith(".azure.com"):
        return {"api-key": key}
    return {"Authorization": f"Bearer {key}"}


def _streamed(body: JsonObject) -> JsonObject:
    return {**body, "stream": body.get("stream", True)}


def _streamed_with_usage(body: JsonObject) -> JsonObject:
    body = _streamed(body)
    return {"stream_options": {"include_usage": True}, **body} if body["stream"] else body


def _without_model(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if name not in ("model", "stream")}


DIALECTS: Final[dict[str, Dialect]] = {
    "chat": Dialect(
        "openai.chat",
        "openai",
        lambda url, _: f"{_versioned(url)}/chat/completions",
        _bearer,
        _streamed_with_usage,
    ),
    "responses": Dialect(
        "openai.response", "openai", lambda url, _: f"{_versioned(url)}/responses", _bearer, _streamed
    ),
    "anthropic": Dialect(
        "anthropic.message",
        "anthropic",
        lambda url, _: f"{_root(url)}/v1/messages",
        lambda _, key: {"x-api-key": key},
        _streamed,
    ),
    "ollama": Dialect("ollama.chat", "ollama", lambda url, _: f"{_root(url)}/api/chat", _bearer, _streamed),
    "gemini": Dialect(
        "gemini.content", "gcp.gemini", _gemini_path, lambda _, key: {"x-goog-api-key": key}, _without_model
    ),
}
"""By the name that the page gives."""

ALWAYS_SENT: Final = {"anthropic": {"anthropic-version": "2023-06-01"}}
"""Headers of a dialect that have nothing to do with a key."""

"""Requests of the InferenceClient: the operation of each by its task, its body and its provider."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonObject, loads
from tracer.provider import Call, Operation
from tracer.provider.body import body_of

from .._openai.chat import CHAT, COMPLETION
from .._openai.hosts import provider_of
from .._values import Arguments, given, server_attributes
from .tasks import EMBEDDING, TEXT_GENERATION, task_operation

_OWN = "hugging_face"
_ROUTERS = ("huggingface.co", "hf.co")
# providers behind the router, by the first segment of its paths; others have the same name here
_PROVIDERS = {
    "fireworks-ai": "fireworks_ai", "hf-inference": _OWN, "novita": "novita_ai", "together": "together_ai",
    "zai-org": "zhipu_ai",
}  # fmt: skip
_NO_MODEL = ("dummy", "tgi")  # sent to endpoints that serve one model


def read_call(arguments: Arguments) -> Call:
    """The call behind ``_inner_post(request_parameters)``."""
    asked = arguments["request_parameters"]
    body = _body(asked)
    url = urlsplit(asked.url)
    attributes = server_attributes(url.scheme, url.hostname, url.port)
    return Call(_operation(asked.task, body), body, _provider(url.hostname or "", url.path), attributes)


def reply_of(result: Any) -> object:
    """The body of a reply; of a line of a stream the event in it, None where there is none."""
    line = result if isinstance(result, str) else bytes(result)
    if isinstance(line, bytes):
        if not line.startswith(b"data:"):
            return body_of(line) if line.strip() else None
        line = line.decode(errors="replace")
    if not line.startswith("data:") or line[5:].strip() == "[DONE]":
        return None
    found: object = loads(line[5:].strip())
    return found


def _body(asked: Any) -> JsonObject:
    """The request as it is sent, with the model, which is otherwise in its path; of binary content the size."""
    sent = asked.json
    if not isinstance(sent, dict):
        data = asked.data
        kind = getattr(data, "mime_type", None)
        sent = {"inputs": sent if data is None else given({"bytes": len(data), "content_type": kind})}
    model = sent.get("model") or asked.model
    if model in _NO_MODEL or not isinstance(model, str) or "://" in model:
        return {key: value for key, value in sent.items() if key != "model"}
    return {"model": model, **sent}


def _operation(task: str, body: JsonObject) -> Operation:
    if task == "conversational" or "messages" in body:
        return CHAT
    if task == "text-generation":
        return COMPLETION if "prompt" in body else TEXT_GENERATION
    return EMBEDDING if task == "feature-extraction" else task_operation(task)


@functools.lru_cache(maxsize=256)
def _provider(host: str, path: str) -> str:
    """The provider that runs the model: the router names it in the path, unless it chooses it itself."""
    if not host.endswith(_ROUTERS):
        return provider_of(host, "") or _OWN
    first = path.strip("/").partition("/")[0]
    return _OWN if first in ("v1", "models", "") else _PROVIDERS.get(first, first)


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of the SDK."""
    response = getattr(error, "response", None)
    found = {
        semconv.HTTP_STATUS: getattr(response, "status_code", None) or getattr(error, "status", None),
        semconv.REQUEST_ID: getattr(error, "request_id", None),
    }
    return given(found)


def observe_response(recording: Any, arguments: Arguments) -> None:
    """Record the HTTP response of a call, whichever HTTP client the SDK has."""
    response = arguments["response"]
    recording.span.set_attributes(
        given({
            semconv.HTTP_STATUS: getattr(response, "status_code", None),
            semconv.REQUEST_ID: response.headers.get("x-request-id"),
            INFERENCE_PROVIDER: response.headers.get("x-inference-provider"),
        })
    )  # fmt: skip


INFERENCE_PROVIDER = "tracer.huggingface.provider"  # that the router has chosen

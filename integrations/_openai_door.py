"""What passes OpenAI's door: which operation a path is, what was sent, whereto, and what the HTTP response says."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracer import semconv
from tracer.provider import Call, Operation, SpanType

if TYPE_CHECKING:  # where a type checker finds what the wheel installs as tracer._openai_…
    from integrations._openai_chat import CHAT, COMPLETION
    from integrations._openai_other import EMBEDDING, generic
    from integrations._openai_responses import RESPONSE
    from tracer._call import Recording
else:
    from tracer._openai_chat import CHAT, COMPLETION
    from tracer._openai_other import EMBEDDING, generic
    from tracer._openai_responses import RESPONSE

OPERATIONS: dict[str, Operation] = {
    "chat/completions": CHAT,
    "completions": COMPLETION,
    "responses": RESPONSE,
    "embeddings": EMBEDDING,
    "responses/compact": generic("responses.compact", SpanType.LLM),
    "images/generations": generic("images.generations", SpanType.LLM),
    "images/edits": generic("images.edits", SpanType.LLM),
    "images/variations": generic("images.variations", SpanType.LLM),
    "audio/speech": generic("audio.speech", SpanType.LLM),
    "audio/transcriptions": generic("audio.transcriptions", SpanType.LLM),
    "audio/translations": generic("audio.translations", SpanType.LLM),
    "moderations": generic("moderations", SpanType.GUARDRAIL),
    "videos": generic("videos", SpanType.LLM),
}
"""A POST to one of these paths, after any prefix, makes something that has a model's name on it."""

_GENERATES_NOTHING = frozenset({
    "assistants", "batches", "certificates", "chatkit", "client_secrets", "containers", "conversations", "evals",
    "files", "fine_tuning", "models", "organization", "projects", "sessions", "skills", "threads", "uploads",
    "vector_stores", "webhooks", "cancel", "input_tokens", "calls",
})  # fmt: skip

# names from the conventions where they have one: gen_ai.provider.name
_PROVIDER_OF_HOST = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.openai",
    "azure-api.net": "azure.ai.openai",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "inference.ai.azure.com": "azure.ai.inference",
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "together.ai": "together_ai",
    "together.xyz": "together_ai",
    "openrouter.ai": "openrouter",
    "fireworks.ai": "fireworks_ai",
    "cerebras.ai": "cerebras",
    "sambanova.ai": "sambanova",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "dashscope.aliyuncs.com": "dashscope",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "bigmodel.cn": "zhipu_ai",
    "z.ai": "zhipu_ai",
    "voyageai.com": "voyage_ai",
    "writer.com": "writer",
    "huggingface.co": "hugging_face",
    "nvidia.com": "nvidia",
    "deepinfra.com": "deepinfra",
    "hyperbolic.xyz": "hyperbolic",
    "novita.ai": "novita_ai",
    "databricks.com": "databricks",
    "github.ai": "github",
}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_SENTINELS = frozenset({"NotGiven", "Omit"})
_RETRY_HEADER = "x-stainless-retry-count"


def read_call(arguments: Mapping[str, Any]) -> Call | None:
    """The call behind ``request(cast_to, options)``; None for one that generates nothing."""
    client, options = arguments["self"], arguments["options"]
    if options.method.lower() != "post":
        return None
    operation = operation_of(options.url)
    if operation is None:
        return None
    url = urlsplit(options.url) if "://" in options.url else client.base_url
    host, port = getattr(url, "host", None) or getattr(url, "hostname", None), url.port
    attributes = {
        semconv.SERVER_ADDRESS: host or None,
        semconv.SERVER_PORT: port or _DEFAULT_PORTS.get(url.scheme),
        semconv.HELPER: _helper(options),
    }
    return Call(
        operation, _body(options), provider=provider_of(host or "", type(client).__name__), attributes=attributes
    )


@functools.lru_cache(maxsize=1024)
def operation_of(path: str) -> Operation | None:
    """The operation that a POST to a path is, a generic one for an unknown path; None if it generates nothing."""
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    if "deployments" in segments:  # Azure: …/deployments/{name}/chat/completions
        segments = segments[segments.index("deployments") + 2 :]
    found = OPERATIONS.get("/".join(segments[-2:])) or OPERATIONS.get("".join(segments[-1:]))
    if found is not None or not _GENERATES_NOTHING.isdisjoint(segments):
        return found
    if "completions" in segments or "responses" in segments:  # …/{id}: something is done to a stored reply
        return None
    return generic(".".join(segments[-2:]) or "request")


@functools.lru_cache(maxsize=1024)
def provider_of(host: str, client_class: str) -> str | None:
    """The provider's name in the conventions; None, that is "openai", for a host that nobody knows."""
    if "Azure" in client_class:
        return "azure.ai.openai"
    labels = host.lower().split(".")
    for start in range(len(labels) - 1):
        found = _PROVIDER_OF_HOST.get(".".join(labels[start:]))
        if found is not None:
            return found
    return None


def _body(options: Any) -> Any:
    """The body as it is sent: with what the caller added through ``extra_body``, without what was not given."""
    body, extra = options.json_data, getattr(options, "extra_json", None)
    if isinstance(body, Mapping) or isinstance(extra, Mapping):
        merged = {**(body or {}), **(extra or {})} if extra else body
        files = getattr(options, "files", None)
        if files:
            merged = {**merged, "files": _file_names(files)}
        if any(type(value).__name__ in _SENTINELS for value in merged.values()):
            merged = {key: value for key, value in merged.items() if type(value).__name__ not in _SENTINELS}
        return merged
    return body


def _file_names(files: Any) -> list[dict[str, Any]]:
    pairs = (
        list(files.items()) if isinstance(files, Mapping) else list(files) if isinstance(files, (list, tuple)) else []
    )
    return [{"field": pair[0], "filename": _file_name(pair[1])} for pair in pairs if len(pair) == 2]


def _file_name(file: Any) -> str | None:
    name = file[0] if isinstance(file, tuple) and file else getattr(file, "name", None)
    return name if isinstance(name, str) else None


def _helper(options: Any) -> str | None:
    headers = options.headers
    if not isinstance(headers, Mapping):
        return None
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() == "x-stainless-helper-method":
            return value
    return None


def observe_response(recording: Recording, arguments: Mapping[str, Any]) -> None:
    """The HTTP response, before the SDK has made anything of it."""
    response = arguments["response"]
    headers = response.headers
    recording.saw(
        response,
        {
            semconv.REQUEST_ID: headers.get("x-request-id") or headers.get("apim-request-id"),
            semconv.RETRIES: arguments.get("retries_taken", 0),
        },
    )


def read_error(error: BaseException) -> dict[str, Any]:
    """What an exception of the SDK says, as attributes."""
    response = getattr(error, "response", None)
    request = getattr(response, "request", None) or getattr(error, "request", None)
    attributes = {
        semconv.HTTP_STATUS: getattr(error, "status_code", None),
        semconv.REQUEST_ID: getattr(error, "request_id", None),
        semconv.PROVIDER_ERROR_CODE: _text(getattr(error, "code", None)),
        semconv.PROVIDER_ERROR_TYPE: _text(getattr(error, "type", None)),
        semconv.RETRIES: _retries(request),
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _retries(request: Any) -> int | None:
    headers = getattr(request, "headers", None)
    count = headers.get(_RETRY_HEADER) if headers is not None else None
    return int(count) if isinstance(count, str) and count.isdigit() else None

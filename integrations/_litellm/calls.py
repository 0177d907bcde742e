"""Calls of LiteLLM: the operation of each function, its body, its provider, and the cost of the reply.

Bodies and replies have the form of OpenAI's API, whichever provider LiteLLM speaks to.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonObject
from tracer.provider import Call, Operation, SpanType

from .._openai.audio import SPEECH, TRANSCRIPTION
from .._openai.chat import CHAT, COMPLETION
from .._openai.images import IMAGE
from .._openai.other import EMBEDDING, MODERATION, generic
from .._openai.responses import RESPONSE
from .._values import Arguments, server_attributes
from .belongings import belongings

# arguments for LiteLLM and not for the provider, beside `all_litellm_params`
_NOT_IN_BODY = frozenset({
    "api_version", "args", "base_url", "client", "custom_llm_provider", "deployment_id", "drops_unsupported",
    "extra_body", "extra_headers",
    "headers", "kwargs", "max_retries", "model_list", "organization", "shared_session", "timeout",
})  # fmt: skip
_INTERNAL = ("litellm_", "_", "user_api_key", "vertex_", "aws_", "azure_")
# the conventions' names for providers that LiteLLM names otherwise
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "codestral": "mistral_ai",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "huggingface": "hugging_face",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "voyage": "voyage_ai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
    "zai": "zhipu_ai",
}
RERANK = generic("rerank", SpanType.RERANKER)
_FREE = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}


def read_call(operation: Operation, arguments: Arguments) -> Call | None:
    """A call of one of LiteLLM's functions; None for one that only makes others."""
    if arguments.get("fallbacks") or getattr(sys.modules["litellm"], "model_fallbacks", None):
        return None
    given = str(arguments.get("model") or "") or None
    model, provider = _model_and_provider(given, arguments)
    sent = {name: value for name, value in arguments.items() if value is not None and _is_in_body(name)}
    body = {"model": model, **{name: value for name, value in sent.items() if name != "model"}}
    base = arguments.get("api_base") or arguments.get("base_url")
    server = urlsplit(str(base)) if base else None
    attributes = {} if server is None else server_attributes(server.scheme, server.hostname, server.port)
    return Call(
        operation,
        body,
        provider=_PROVIDERS.get(provider or "", provider) or "litellm",
        attributes=attributes,
        trace=belongings(arguments),
        covers=True,
        about=functools.partial(_cost, given, provider, _own_prices(arguments)),
    )


@functools.lru_cache(maxsize=1024)
def _is_in_body(name: str) -> bool:
    """Whether a parameter is one of the request that the provider gets."""
    own = getattr(sys.modules.get("litellm.types.utils"), "all_litellm_params", ())
    return name not in _NOT_IN_BODY and name not in own and not name.startswith(_INTERNAL)


def _model_and_provider(model: str | None, arguments: Arguments) -> tuple[str | None, str | None]:
    """The model without LiteLLM's prefix, and its provider by LiteLLM's name."""
    named = arguments.get("custom_llm_provider")
    if model is None:
        return None, named
    try:
        found, provider, *_ = sys.modules["litellm"].get_llm_provider(
            model=model,
            custom_llm_provider=named,
            api_base=arguments.get("api_base") or arguments.get("base_url"),
        )
    except Exception:  # a model unknown to LiteLLM, which raises for it in the program's own call
        return model, named
    return str(found), str(provider)


def _own_prices(arguments: Arguments) -> Mapping[str, float] | None:
    """Prices that the program gives with the call, or with the router's deployment."""
    metadata = arguments.get("metadata") or arguments.get("litellm_metadata")
    deployment = metadata.get("model_info") if isinstance(metadata, Mapping) else None
    for prices in (arguments, deployment if isinstance(deployment, Mapping) else {}):
        given = {name: prices.get(name) for name in _FREE}
        found = {name: value for name, value in given.items() if isinstance(value, (int, float))}
        if found:
            return found
    return None


def _cost(model: str | None, provider: str | None, own: Mapping[str, float] | None, body: Any) -> JsonObject:
    """The cost of a reply as LiteLLM has it; nothing where it has no price."""
    if not isinstance(body, dict) or not body.get("usage"):
        return {}
    litellm = sys.modules["litellm"]
    try:
        cost = litellm.completion_cost(
            completion_response=body,
            model=model,
            custom_llm_provider=provider,
            **({} if own is None else {"custom_cost_per_token": {**_FREE, **own}}),
        )
    except Exception:  # it raises for a model without a price
        return {}
    return {semconv.COST_TOTAL: cost} if cost else {}


OPERATIONS: Mapping[str, Operation] = {
    "litellm.main:completion": CHAT,
    "litellm.main:acompletion": CHAT,
    "litellm.main:text_completion": COMPLETION,
    "litellm.main:atext_completion": COMPLETION,
    "litellm.main:embedding": EMBEDDING,
    "litellm.main:aembedding": EMBEDDING,
    "litellm.main:moderation": MODERATION,
    "litellm.main:amoderation": MODERATION,
    "litellm.main:transcription": TRANSCRIPTION,
    "litellm.main:atranscription": TRANSCRIPTION,
    "litellm.main:speech": SPEECH,
    "litellm.main:aspeech": SPEECH,
    "litellm.responses.main:responses": RESPONSE,
    "litellm.responses.main:aresponses": RESPONSE,
    "litellm.images.main:image_generation": IMAGE,
    "litellm.images.main:aimage_generation": IMAGE,
    "litellm.rerank_api.main:rerank": RERANK,
    "litellm.rerank_api.main:arerank": RERANK,
}


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of LiteLLM, which are those of the openai package."""
    status = getattr(error, "status_code", None)
    return {
        semconv.HTTP_STATUS: status if isinstance(status, int) else None,
        semconv.PROVIDER_ERROR_CODE: _text(getattr(error, "code", None)),
        semconv.PROVIDER_ERROR_TYPE: _text(getattr(error, "type", None)),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

"""Model calls that only the Agents SDK reports: those of other SDKs, of the program's own models, and of the OpenAI
SDK while its doors are not patched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tracer.provider import Call, Operation, Reply, ReportedCall, Request

from .._openai.chat import CHAT
from .._openai.hosts import provider_of
from .._openai.responses import RESPONSE
from .._openai.usage import read_usage
from .._values import as_dict, as_dicts, given
from .spans import SdkSpan, error_text, kind_of

# fields of the request that a response repeats
_REPEATED = (
    "model", "instructions", "tools", "tool_choice", "temperature", "top_p", "max_output_tokens", "reasoning", "text",
    "previous_response_id", "parallel_tool_calls", "truncation", "service_tier",
)  # fmt: skip


def reported_call(span: SdkSpan, has_content: bool) -> ReportedCall:
    """The call of a generation or response span."""
    call, reply = _response(span.span_data) if kind_of(span) == "response" else _generation(span.span_data)
    return ReportedCall(call, reply, error_text(span.error), has_content)


def _response(data: Any) -> tuple[Call, object]:
    response = data.response
    usage = getattr(data, "usage", None)
    if response is None:
        body = {} if data.input is None else {"input": data.input}
        return Call(RESPONSE, body, "openai"), {"usage": usage} if usage else None
    reply = response.model_dump(exclude_unset=True, mode="json", warnings=False)
    body = {key: reply[key] for key in _REPEATED if reply.get(key) is not None}
    return Call(RESPONSE, {**body, "input": data.input}, "openai"), reply


def _generation(data: Any) -> tuple[Call, object]:
    config = data.model_config if isinstance(data.model_config, Mapping) else {}
    settings = {key: value for key, value in config.items() if value is not None and key != "base_url"}
    body = {"model": data.model, "messages": data.input, **settings}
    reply = {"output": data.output, "usage": data.usage}
    return Call(GENERATION, given(body), _provider(data.model, config.get("base_url"))), given(reply) or None


def _provider(model: object, base_url: object) -> str | None:
    """The provider, by the host or by the prefix of the model's name, as LiteLLM and others write it: anthropic/…"""
    host = urlsplit(str(base_url)).hostname if base_url else None
    prefix, slash, _ = str(model or "").partition("/")
    return (provider_of(host, "") if host else None) or (prefix if slash else None)


def _read_generation_request(body: object) -> Request:
    return CHAT.read_request(body)


def _read_generation_reply(body: object) -> Reply:
    body = as_dict(body)
    output = as_dicts(body.get("output"))
    if output and output[0].get("object") == "response":
        return RESPONSE.read_reply({**output[0], "usage": as_dict(body.get("usage")) or output[0].get("usage")})
    return Reply(messages=output, usage=read_usage(body.get("usage")))


GENERATION = Operation("chat", _read_generation_request, _read_generation_reply)

"""Chat completions and completions of OpenAI and compatible APIs: requests and replies."""

from __future__ import annotations

from collections.abc import Callable

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import text_part, to_message
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text
from .chunks import ChatAccumulator, CompletionAccumulator
from .usage import read_bill, read_usage, usage_of

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "seed": semconv.REQUEST_SEED,
    "n": semconv.REQUEST_CHOICE_COUNT,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "max_completion_tokens": semconv.REQUEST_MAX_TOKENS,
    "max_output_tokens": semconv.REQUEST_MAX_TOKENS,
    "stream": semconv.REQUEST_STREAM,
    "reasoning_effort": semconv.REQUEST_REASONING_LEVEL,
    "service_tier": semconv.OPENAI_REQUEST_SERVICE_TIER,
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def parameters(body: JsonMapping) -> JsonObject:
    """The request's parameters by attribute name."""
    found = {key: body[name] for name, key in _PARAMETERS.items() if name in body and body[name] is not None}
    stop = body.get("stop")
    if stop is not None:
        found[semconv.REQUEST_STOP_SEQUENCES] = [stop] if isinstance(stop, str) else stop
    output_type = output_type_of(body.get("response_format"))
    if output_type is not None:
        found[semconv.OUTPUT_TYPE] = output_type
    return found


def output_type_of(response_format: object) -> str | None:
    """The conventions' name for the requested output format."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    return _OUTPUT_TYPES.get(kind) if isinstance(kind, str) else None


def schema_of(response_format: object) -> JsonObject | None:
    """Name and JSON schema of the requested output: nested in chat completions, flat in the Responses API."""
    form = as_dict(response_format)
    nested = as_dict(form.get("json_schema")) or form
    if not isinstance(nested.get("schema"), dict):
        return None
    return {key: nested[key] for key in ("name", "description", "strict", "schema") if nested.get(key) is not None}


def envelope_attributes(body: JsonMapping) -> JsonObject:
    """Attributes of a reply beside its content: service tier, fingerprint, cost."""
    return {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: body.get("service_tier"),
        semconv.OPENAI_RESPONSE_FINGERPRINT: body.get("system_fingerprint"),
        **read_bill(usage_of(body)),
    }


def error_in(body: JsonMapping) -> JsonObject:
    """The error in a reply with HTTP status 200, as `Reply` takes it."""
    error = body.get("error") or as_dict(body.get("x_groq")).get("error")
    if not error:
        return {}
    fields = as_dict(error)
    kind = fields.get("code") or fields.get("type") or "error"
    return {"error_type": str(kind), "error_message": str(fields.get("message") or error)}


def _read_chat_request(body: object) -> Request:
    body = as_dict(body)
    tools = body.get("tools") or body.get("functions")
    return Request(
        as_text(body.get("model")),
        body.get("messages"),
        tools=tools,
        output_schema=schema_of(body.get("response_format")),
        attributes=parameters(body),
    )


def _read_chat_reply(body: object) -> Reply:
    return _reply(as_dict(body), _chat_message)


def _reply(body: JsonMapping, message_of: Callable[[JsonMapping], JsonObject]) -> Reply:
    choices = as_dicts(body.get("choices"))
    reasons = [choice.get("finish_reason") for choice in choices]
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=[message_of(choice) for choice in choices],
        finish_reasons=[reason for reason in reasons if isinstance(reason, str)],
        usage=read_usage(usage_of(body)),
        attributes=envelope_attributes(body),
        **error_in(body),
    )


def _chat_message(choice: JsonMapping) -> JsonObject:
    given = {key: value for key, value in as_dict(choice.get("message")).items() if value}
    message = to_message({"role": "assistant", "content": None, **given})
    return {**message, "finish_reason": choice.get("finish_reason")}


def _read_completion_request(body: object) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), _prompts(body.get("prompt")), attributes=parameters(body))


def _prompts(prompt: object) -> list[JsonObject]:
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], (str, list)):
        return [_prompt_message(each) for each in prompt]
    return [] if prompt is None else [_prompt_message(prompt)]


def _prompt_message(prompt: object) -> JsonObject:
    part = text_part(prompt) if isinstance(prompt, str) else {"type": "tokens", "content": prompt}
    return {"role": "user", "parts": [part]}


def _read_completion_reply(body: object) -> Reply:
    return _reply(as_dict(body), _completion_message)


def _completion_message(choice: JsonMapping) -> JsonObject:
    text = choice.get("text")
    parts = [text_part(text)] if isinstance(text, str) else []
    return {"role": "assistant", "parts": parts, "finish_reason": choice.get("finish_reason")}


CHAT = Operation("chat", _read_chat_request, _read_chat_reply, ChatAccumulator)
COMPLETION = Operation(
    "text_completion",
    _read_completion_request,
    _read_completion_reply,
    CompletionAccumulator,
    span_type=SpanType.LLM,
)

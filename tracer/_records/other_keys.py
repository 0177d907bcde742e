"""Keys by which MLflow's programs ask for what is here under another: ``mlflow.spanInputs``, ``tracer.spanInputs``.

Source: mlflow 3.17, SpanAttributeKey, TraceMetadataKey and TraceTagKey of mlflow.tracing.constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject, encode
from tracer._late import load

_PREFIXES = ("mlflow.", "tracer.")

# attributes with another name, and those that are put together
_SAME_AS = {
    "spanInputs": semconv.INPUTS,
    "spanOutputs": semconv.OUTPUTS,
    "spanType": semconv.SPAN_TYPE,
    "spanFunctionName": semconv.FUNCTION,
    "spanDescription": "description",
    "chat.tools": semconv.TOOL_DEFINITIONS,
    "llm.provider": semconv.PROVIDER,
}
_MADE: dict[str, Callable[[Any], object]] = {
    "chat.tokenUsage": lambda span: span.token_usage,
    "chat.messages": lambda span: _conversation(span),
    "llm.model": lambda span: span.get_attribute(semconv.RESPONSE_MODEL) or span.get_attribute(semconv.REQUEST_MODEL),
    "llm.cost": lambda span: getattr(span, "cost", None),
    "traceRequestId": lambda span: span.trace_id,
}
_COSTS = {"input_cost": semconv.COST_INPUT, "output_cost": semconv.COST_OUTPUT, "total_cost": semconv.COST_TOTAL}
_COUNTS = {**semconv.TOKEN_USAGE, "cache_creation_input_tokens": semconv.USAGE_CACHE_WRITE}

# fields of a trace by keys of its metadata and its tags
METADATA: dict[str, str] = {
    f"{prefix}{key}": field
    for prefix in _PREFIXES
    for key, field in (
        ("trace.session", "session_id"),
        ("trace.user", "user"),
        ("modelId", "model_id"),
        ("sourceRun", "run_id"),
        ("trace.tokenUsage", "token_usage"),
        ("trace.cost", "cost"),
        ("traceInputs", "request_preview"),
        ("traceOutputs", "response_preview"),
    )
}
TAGS: dict[str, str] = {f"{prefix}traceName": "name" for prefix in _PREFIXES}


def answer(span: Any, key: str) -> Any:
    """The value of a span's attribute by one of these keys; None for other keys."""
    name = _name_of(key)
    if name in _SAME_AS:
        return span.get_attribute(_SAME_AS[name])
    return _MADE[name](span) if name in _MADE else None


def _name_of(key: object) -> str:
    return key[7:] if isinstance(key, str) and key.startswith(_PREFIXES) else ""


def _set_numbers(span: Any, value: object, keys: Mapping[str, str]) -> None:
    given = value if isinstance(value, Mapping) else {}
    span.set_attributes({keys[name]: number for name, number in given.items() if name in keys and number is not None})


_SET: dict[str, Callable[[Any, Any], None]] = {
    "spanInputs": lambda span, value: span.set_inputs(value),
    "spanOutputs": lambda span, value: span.set_outputs(value),
    "chat.tokenUsage": lambda span, value: _set_numbers(span, value, _COUNTS),
    "chat.messages": lambda span, value: load("tracer.messages", "set_span_chat_messages")(span, value),
    "chat.tools": lambda span, value: load("tracer.messages", "set_span_chat_tools")(span, value),
    "llm.cost": lambda span, value: _set_numbers(span, value, _COSTS),
}
_SETTERS = {f"{prefix}{name}": setter for prefix in _PREFIXES for name, setter in _SET.items()}


def set_under_own(span: Any, key: object, value: object) -> bool:
    """Record a structured value under the key that it has here; whether ``key`` was one of these."""
    setter = _SETTERS.get(key) if type(key) is str else None
    if setter is None:
        return False
    setter(span, value)
    return True


class AlsoByOtherKeys(dict[str, str]):
    """Metadata or tags of a trace; MLflow's keys are answered from the trace's fields, and not listed."""

    def __init__(self, values: Any = (), fields: JsonMapping | None = None) -> None:
        super().__init__(values)
        self._fields: dict[str, str] = {key: value for key, value in (fields or {}).items() if value is not None}

    def __missing__(self, key: str) -> str:
        return self._fields[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        return self[key] if key in self or key in self._fields else default

    def __reduce__(self) -> tuple[Any, ...]:
        return AlsoByOtherKeys, (dict(self), self._fields)


def with_other_keys(values: dict[str, str], keys: Mapping[str, str], fields: JsonMapping) -> AlsoByOtherKeys:
    """Metadata or tags that answer by other keys from these fields of the trace."""
    texts = {
        key: value if value is None or isinstance(value, str) else encode(value).decode()
        for key, field in keys.items()
        for value in (fields.get(field),)
    }
    return AlsoByOtherKeys(values, texts)


def _conversation(span: Any) -> list[JsonObject] | None:
    """Both sides of a conversation, in the form of OpenAI's chat."""
    sides = [span.get_attribute(key) for key in (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES)]
    messages = [message for side in sides if isinstance(side, list) for message in side if isinstance(message, dict)]
    return [chat for message in messages for chat in _chat_messages(message)] or None


def _chat_messages(message: JsonObject) -> list[JsonObject]:
    parts = [part for part in message.get("parts") or () if isinstance(part, dict)]
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    if results:  # one message for each result, as OpenAI has it
        return [
            {"role": "tool", "tool_call_id": part.get("id"), "content": _text_of(part.get("response"))}
            for part in results
        ]
    calls = [_chat_call(part) for part in parts if part.get("type") == "tool_call"]
    content = [part for part in parts if part.get("type") != "tool_call"]
    is_text = all(part.get("type") == "text" for part in content)
    chat: JsonObject = {
        "role": message.get("role"),
        "content": "".join(str(part.get("content")) for part in content) if is_text else content,
    }
    return [{**chat, "tool_calls": calls} if calls else chat]


def _chat_call(part: JsonObject) -> JsonObject:
    function = {"name": part.get("name"), "arguments": _text_of(part.get("arguments"))}
    return {"id": part.get("id"), "type": "function", "function": function}


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()

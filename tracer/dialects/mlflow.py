"""MLflow: ``mlflow.spanInputs`` and the like, each value as JSON text.

Source: mlflow 3, ``mlflow.tracing.constant.SpanAttributeKey``.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import is_reply, is_request, put_reply, put_request, result_of
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading, as_dict, parsed
from tracer.messages import to_messages, to_tools

_USAGE = {
    "input_tokens": semconv.USAGE_INPUT,
    "output_tokens": semconv.USAGE_OUTPUT,
    "total_tokens": semconv.USAGE_TOTAL,
    "cache_read_input_tokens": semconv.USAGE_CACHE_READ,
    "cache_creation_input_tokens": semconv.USAGE_CACHE_WRITE,
}
_CALLS = ("CHAT_MODEL", "LLM")
_ROLES_OF_REPLIES = ("assistant", "model", "ai")


def read(reading: Reading) -> None:
    """Read the attributes of MLflow."""
    asked, replied = reading.take_first("mlflow.spanInputs"), reading.take_first("mlflow.spanOutputs")
    kind = parsed(reading.take("mlflow.spanType"))
    reading.is_a(kind if isinstance(kind, str) else None)
    usage = parsed(reading.take("mlflow.chat.tokenUsage"))
    for name, key in _USAGE.items():
        if isinstance(usage, dict) and isinstance(usage.get(name), int):
            reading.put_plain(key, usage[name])
    messages = to_messages(parsed(reading.take("mlflow.chat.messages")))
    # one list for both sides: the reply is last
    has_reply = bool(messages) and messages[-1].get("role") in _ROLES_OF_REPLIES
    reading.all_messages(messages[:-1] if has_reply else messages, messages[-1:] if has_reply else [])
    reading.put(semconv.TOOL_DEFINITIONS, to_tools(parsed(reading.take("mlflow.chat.tools"))))
    if kind in _CALLS and not messages and (is_request(asked) or is_reply(replied)):
        put_request(reading, asked)
        put_reply(reading, replied)
    reading.put(semconv.INPUTS, asked)
    reading.put(semconv.OUTPUTS, result_of(replied))
    costs = as_dict(reading.take("mlflow.llm.cost"))
    reading.cost(costs.get("total_cost"), costs.get("input_cost"), costs.get("output_cost"))
    reading.belongs_to(session_id=reading.get("mlflow.trace.session"), user=reading.get("mlflow.trace.user"))
    _first_chunk(reading)
    model = parsed(reading.attributes.get("mlflow.llm.model"))
    reading.put_plain(semconv.REQUEST_MODEL, model if isinstance(model, str) else None)
    provider = parsed(reading.attributes.get("mlflow.llm.provider"))
    reading.put_plain(semconv.PROVIDER, provider if isinstance(provider, str) else None)


def _first_chunk(reading: Reading) -> None:
    for event in reading.events:
        if event.get("name") == "mlflow.chunk.item.0" and event.get("time", 0) >= reading.start:
            reading.first_chunk_after((event["time"] - reading.start) / 1e9)


DIALECT = Dialect("mlflow", frozenset({"mlflow"}), read)

"""MLflow: ``mlflow.spanInputs`` and the like, each value as JSON text.

Source: mlflow 3, ``mlflow.tracing.constant.SpanAttributeKey``.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading, parsed
from tracer.messages import to_messages, to_tools

_USAGE = {
    "input_tokens": semconv.USAGE_INPUT,
    "output_tokens": semconv.USAGE_OUTPUT,
    "total_tokens": semconv.USAGE_TOTAL,
    "cache_read_input_tokens": semconv.USAGE_CACHE_READ,
    "cache_creation_input_tokens": semconv.USAGE_CACHE_WRITE,
}
_ROLES_OF_REPLIES = ("assistant", "model", "ai")


def read(reading: Reading) -> None:
    """Read the attributes of MLflow."""
    reading.put(semconv.INPUTS, parsed(reading.take("mlflow.spanInputs")))
    reading.put(semconv.OUTPUTS, parsed(reading.take("mlflow.spanOutputs")))
    kind = parsed(reading.take("mlflow.spanType"))
    reading.is_a(kind if isinstance(kind, str) else None)
    messages = to_messages(parsed(reading.take("mlflow.chat.messages")))
    # one list for both sides: the reply is last
    has_reply = bool(messages) and messages[-1].get("role") in _ROLES_OF_REPLIES
    reading.all_messages(messages[:-1] if has_reply else messages, messages[-1:] if has_reply else [])
    reading.put(semconv.TOOL_DEFINITIONS, to_tools(parsed(reading.take("mlflow.chat.tools"))))
    usage = parsed(reading.take("mlflow.chat.tokenUsage"))
    for name, key in _USAGE.items():
        if isinstance(usage, dict) and isinstance(usage.get(name), int):
            reading.put_plain(key, usage[name])
    model = parsed(reading.attributes.get("mlflow.llm.model"))
    reading.put_plain(semconv.REQUEST_MODEL, model if isinstance(model, str) else None)
    provider = parsed(reading.attributes.get("mlflow.llm.provider"))
    reading.put_plain(semconv.PROVIDER, provider if isinstance(provider, str) else None)


DIALECT = Dialect("mlflow", frozenset(("mlflow",)), read)

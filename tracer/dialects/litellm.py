"""LiteLLM's callback for OpenTelemetry: the conventions' keys, with a reply's tool calls and its tokens elsewhere.

Source: the spans of litellm 1.x, ``litellm/integrations/opentelemetry.py``.
"""

from __future__ import annotations

import ast

from tracer import semconv
from tracer.dialects.bodies import put_usage
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading

_USAGE = "metadata.usage_object"
_LONG = 4000  # characters; a usage has some hundred


def read(reading: Reading) -> None:
    """Read the attributes of LiteLLM."""
    calls = [item.get("function_call") for item in reading.take_indexed("gen_ai.completion") if isinstance(item, dict)]
    replied = reading.structured.get(semconv.OUTPUT_MESSAGES)
    last = replied[-1] if isinstance(replied, list) and replied else None
    if any(calls) and isinstance(last, dict) and not last.get("tool_calls"):
        called = {**last, "tool_calls": [{"function": call} for call in calls if isinstance(call, dict)]}
        reading.structured[semconv.OUTPUT_MESSAGES] = [*replied[:-1], called]  # type: ignore[index]
    usage = reading.get(_USAGE)
    if isinstance(usage, str) and len(usage) < _LONG:
        try:
            put_usage(reading, ast.literal_eval(usage))  # written as Python writes a dict
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return


DIALECT = Dialect("litellm", frozenset({"litellm", "hidden_params"}), read, scopes=frozenset({"litellm"}))

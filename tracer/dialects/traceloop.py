"""Traceloop (OpenLLMetry): indexed attributes such as ``gen_ai.prompt.0.content``, workflows, tasks and tools.

Source: opentelemetry-semantic-conventions-ai 0.4 and 0.5, and the instrumentations of that time.
"""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.dialect import Dialect
from tracer.dialects.genai import blocks_of
from tracer.dialects.reading import Reading, parsed
from tracer.messages import to_message, to_tools

_TYPES = {"workflow": "WORKFLOW", "task": "TASK", "agent": "AGENT", "tool": "TOOL"}
_CALLS = {"chat": "CHAT_MODEL", "completion": "LLM", "embedding": "EMBEDDING", "rerank": "RERANKER"}
_PROPERTIES = "traceloop.association.properties."


def read(reading: Reading) -> None:
    """Read the attributes of traceloop."""
    attributes = reading.attributes
    asked, replied = reading.take_indexed("gen_ai.prompt"), reading.take_indexed("gen_ai.completion")
    reading.all_messages([_message(item, "user") for item in asked], [_message(item, "assistant") for item in replied])
    reasons = [item["finish_reason"] for item in replied if isinstance(item, dict) and item.get("finish_reason")]
    if reasons:
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, reasons)
    functions = [_function(item) for item in reading.take_indexed("llm.request.functions") if isinstance(item, dict)]
    reading.put(semconv.TOOL_DEFINITIONS, to_tools(functions))
    reading.is_a(_TYPES.get(str(attributes.get("traceloop.span.kind"))))
    if semconv.OPERATION not in attributes:  # which is newer, and LiteLLM calls chats completions here
        reading.is_a(_CALLS.get(str(attributes.get("llm.request.type"))))
    reading.put(semconv.INPUTS, parsed(reading.take("traceloop.entity.input")))
    reading.put(semconv.OUTPUTS, parsed(reading.take("traceloop.entity.output")))
    reading.belongs_to(
        session_id=attributes.get(f"{_PROPERTIES}session_id") or attributes.get(f"{_PROPERTIES}thread_id"),
        user=attributes.get(f"{_PROPERTIES}user_id"),
    )


def _message(item: object, role: str) -> JsonObject:
    given = item if isinstance(item, dict) else {"content": item}
    message = {
        "role": given.get("role") or role,
        "content": blocks_of(given.get("content")),
        "reasoning": given.get("reasoning"),
        "tool_calls": given.get("tool_calls"),
        "tool_call_id": given.get("tool_call_id"),
        "finish_reason": given.get("finish_reason"),
    }
    return to_message({key: value for key, value in message.items() if value is not None})


def _function(item: JsonObject) -> JsonObject:
    return {"type": "function", "function": {**item, "parameters": parsed(item.get("parameters"))}}


DIALECT = Dialect("traceloop", frozenset({"traceloop", "gen_ai", "llm"}), read)

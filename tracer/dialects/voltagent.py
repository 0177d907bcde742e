"""VoltAgent: ``entity.type``, ``agent.messages``, ``llm.messages``, ``llm.usage.…``.

Source: VoltAgent/voltagent, the package ``@voltagent/core``, its observability.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import count_of, put_counts, put_reply, put_request
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_TYPES = {
    "agent": SpanType.AGENT,
    "llm": SpanType.CHAT_MODEL,
    "tool": SpanType.TOOL,
    "memory": SpanType.MEMORY,
    "retriever": SpanType.RETRIEVER,
    "embedding": SpanType.EMBEDDING,
    "guardrail": SpanType.GUARDRAIL,
    "workflow": SpanType.WORKFLOW,
    "workflow-step": SpanType.TASK,
}
_USAGE = {
    "input": ("prompt_tokens", "input_tokens"),
    "output": ("completion_tokens", "output_tokens"),
    "total": ("total_tokens",),
    "cache_read": ("cached_tokens",),
    "reasoning": ("reasoning_tokens",),
}


def read(reading: Reading) -> None:
    """Read the attributes of VoltAgent."""
    entity = reading.get("entity.type")
    if entity is None and not reading.scope.lower().startswith(("voltagent", "@voltagent")):
        return
    kind = _TYPES.get(str(reading.get("span.type") or entity).lower())
    reading.is_a(kind)
    messages = reading.take_first("llm.messages", "agent.messages")
    asked, replied = reading.take_first("input"), reading.take_first("output")
    if kind == SpanType.CHAT_MODEL:
        put_request(reading, asked if messages is None else messages)
        put_reply(reading, replied)
        reading.put_text(semconv.REQUEST_MODEL, reading.get("llm.model") or reading.get("ai.model.name"))
        usage = reading.take_below("llm.usage.")
        counts = {name: [count_of(usage.get(key)) for key in keys] for name, keys in _USAGE.items()}
        put_counts(reading, **{k: next((c for c in found if c is not None), None) for k, found in counts.items()})
    else:
        if messages is not None:
            put_request(reading, messages)
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)
    reading.put_text(semconv.TOOL_NAME, reading.get("tool.name"))
    reading.belongs_to(session_id=reading.get("conversation.id"), user=reading.get("user.id"))


DIALECT = Dialect("voltagent", frozenset({"entity", "agent", "llm", "span"}), read)

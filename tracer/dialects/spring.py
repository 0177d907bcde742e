"""Spring AI: ``spring.ai.kind``, ``spring.ai.tool.call.arguments``; its calls follow the older GenAI conventions.

Source: the page "Observability" of Spring AI's reference.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_TYPES = {
    "chat_client": SpanType.CHAIN,
    "advisor": SpanType.CHAIN,
    "tool_call": SpanType.TOOL,
    "vector_store": SpanType.RETRIEVER,
}


def read(reading: Reading) -> None:
    """Read the attributes of Spring AI."""
    reading.is_a(_TYPES.get(str(reading.get("spring.ai.kind")).lower()))
    arguments = reading.take_first("spring.ai.tool.call.arguments")
    result = reading.take_first("spring.ai.tool.call.result")
    if arguments is not None or result is not None:
        reading.is_a(SpanType.TOOL)
    reading.put(semconv.INPUTS, arguments)
    reading.put(semconv.OUTPUTS, result)
    reading.put_text(semconv.TOOL_NAME, reading.get("spring.ai.tool.definition.name"))
    reading.put(semconv.INPUTS, reading.take_first("db.vector.query.content", "spring.ai.chat.client.user.text"))
    reading.belongs_to(session_id=reading.get("spring.ai.chat.client.conversation.id"))
    if reading.get(semconv.OPERATION) == "framework":
        reading.take(semconv.OPERATION)


DIALECT = Dialect("spring", frozenset({"spring"}), read)

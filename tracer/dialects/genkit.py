"""Genkit: ``genkit:input``, ``genkit:output``, ``genkit:metadata:subtype``.

Source: firebase/genkit, ``js/core/src/tracing/instrumentation.ts``.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import put_call
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_TYPES = {
    "model": SpanType.CHAT_MODEL,
    "tool": SpanType.TOOL,
    "flow": SpanType.WORKFLOW,
    "flowStep": SpanType.TASK,
    "embedder": SpanType.EMBEDDING,
    "retriever": SpanType.RETRIEVER,
    "indexer": SpanType.TASK,
    "reranker": SpanType.RERANKER,
    "evaluator": SpanType.EVALUATOR,
    "util": SpanType.CHAIN,
    "agent": SpanType.AGENT,
}
_PROVIDERS = {
    "googleai": "gcp.gemini",
    "vertexai": "gcp.vertex_ai",
    "openai": "openai",
    "anthropic": "anthropic",
    "ollama": "ollama",
}


def read(reading: Reading) -> None:
    """Read the attributes of Genkit."""
    subtype = str(reading.get("genkit:metadata:subtype") or reading.get("genkit:type"))
    kind = _TYPES.get(subtype)
    reading.is_a(kind)
    asked, replied = reading.take_first("genkit:input"), reading.take_first("genkit:output")
    name = reading.get("genkit:name")
    if kind == SpanType.CHAT_MODEL:
        put_call(reading, asked, replied)
        if isinstance(name, str):
            seller, _, model = name.rpartition("/")
            reading.put_text(semconv.REQUEST_MODEL, model)
            reading.put_text(semconv.PROVIDER, _PROVIDERS.get(seller, seller))
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)
        if kind == SpanType.TOOL:
            reading.put_text(semconv.TOOL_NAME, name)
    reading.belongs_to(session_id=reading.get("genkit:sessionId"))


DIALECT = Dialect("genkit", frozenset({"genkit:name", "genkit:type", "genkit:input", "genkit:output"}), read)

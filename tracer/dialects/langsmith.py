"""LangSmith's SDK with OpenTelemetry: ``gen_ai.prompt`` and ``gen_ai.completion`` with whole bodies.

Source: the spans of langsmith 0.15.
"""

from __future__ import annotations

from typing import Any

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.bodies import put_call, put_usage, result_of
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_METADATA = "langsmith.metadata."
_TYPES = {
    "llm": SpanType.CHAT_MODEL,
    "chain": SpanType.CHAIN,
    "tool": SpanType.TOOL,
    "retriever": SpanType.RETRIEVER,
    "embedding": SpanType.EMBEDDING,
    "prompt": SpanType.CHAIN,
    "parser": SpanType.PARSER,
}
_OPERATIONS = {SpanType.TOOL: "execute_tool", SpanType.RETRIEVER: "retrieval", SpanType.EMBEDDING: "embeddings"}
_OWN = ("ls_", "LANGSMITH_", "LANGCHAIN_", "langgraph_", "checkpoint_", "revision_id", "usage_metadata", "__")
_SESSION = ("session_id", "thread_id", "conversation_id")


def read(reading: Reading) -> None:
    """Read the attributes of LangSmith."""
    kind = _TYPES.get(str(reading.get("langsmith.span.kind")).lower())
    reading.is_a(kind)
    metadata = reading.take_below(_METADATA)
    asked, replied = reading.take_first("gen_ai.prompt"), reading.take_first("gen_ai.completion")
    if kind == SpanType.CHAT_MODEL:
        put_usage(reading, metadata.get("usage_metadata"))
        put_call(reading, asked, replied)
        reading.put_text(semconv.REQUEST_MODEL, metadata.get("ls_model_name"))
        reading.put_text(semconv.PROVIDER, metadata.get("ls_provider"))
        reading.put_plain(semconv.REQUEST_TEMPERATURE, metadata.get("ls_temperature"))
        reading.put_plain(semconv.REQUEST_MAX_TOKENS, metadata.get("ls_max_tokens"))
    else:
        reading.put(semconv.INPUTS, _only(asked, "input"))
        reading.put(semconv.OUTPUTS, result_of(_only(replied, "output")))
        _correct_operation(reading, kind)
    for name in ("input_token_details", "output_token_details"):  # as Python writes a dict, and above as JSON
        reading.take(f"gen_ai.usage.{name}")
    reading.rename("langsmith.request.streaming", semconv.REQUEST_STREAM)
    _about_trace(reading, metadata)


def _only(value: object, name: str) -> Any:
    """The value inside a map that LangSmith has put it in."""
    return value[name] if isinstance(value, dict) and set(value) == {name} else value


def _correct_operation(reading: Reading, kind: str | None) -> None:
    """LangSmith has an operation and a provider for every step: embeddings, and langchain, where it knows none."""
    reading.take(semconv.OPERATION)
    reading.put_plain(semconv.OPERATION, _OPERATIONS.get(kind or ""))
    if reading.get("gen_ai.system") == "langchain":
        reading.take("gen_ai.system")


def _about_trace(reading: Reading, metadata: JsonObject) -> None:
    reading.belongs_to(
        session_id=next((metadata[name] for name in _SESSION if metadata.get(name)), None),
        user=metadata.get("user_id"),
    )
    if reading.is_root:
        reading.tagged(reading.take("langsmith.span.tags"))
        known = (*_SESSION, "user_id")
        reading.described({k: v for k, v in metadata.items() if k not in known and not k.startswith(_OWN)})


DIALECT = Dialect("langsmith", frozenset({"langsmith"}), read)

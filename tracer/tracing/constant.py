"""Keys of spans and traces by the names that programs written for MLflow have for them."""

from __future__ import annotations

from typing import Final

from tracer import semconv

__all__ = ["SpanAttributeKey", "TokenUsageKey", "TraceMetadataKey", "TraceTagKey"]


class SpanAttributeKey:
    """Keys that ``span.get_attribute`` takes."""

    INPUTS: Final = semconv.INPUTS
    OUTPUTS: Final = semconv.OUTPUTS
    SPAN_TYPE: Final = semconv.SPAN_TYPE
    FUNCTION_NAME: Final = semconv.FUNCTION
    DESCRIPTION: Final = "description"
    CHAT_MESSAGES: Final = "tracer.chat.messages"
    CHAT_TOOLS: Final = semconv.TOOL_DEFINITIONS
    CHAT_USAGE: Final = "tracer.chat.tokenUsage"
    LLM_COST: Final = "tracer.llm.cost"
    MODEL: Final = "tracer.llm.model"
    MODEL_PROVIDER: Final = semconv.PROVIDER


class TokenUsageKey:
    """Names of the counts in ``span.token_usage`` and ``trace.info.token_usage``."""

    INPUT_TOKENS: Final = "input_tokens"
    OUTPUT_TOKENS: Final = "output_tokens"
    TOTAL_TOKENS: Final = "total_tokens"
    CACHE_READ_INPUT_TOKENS: Final = "cache_read_input_tokens"
    CACHE_CREATION_INPUT_TOKENS: Final = "cache_write_input_tokens"


class TraceMetadataKey:
    """Keys by which ``trace.info.trace_metadata`` and ``update_current_trace(metadata=…)`` know fields of a trace."""

    TRACE_SESSION: Final = "tracer.trace.session"
    TRACE_USER: Final = "tracer.trace.user"
    MODEL_ID: Final = "tracer.modelId"
    SOURCE_RUN: Final = "tracer.sourceRun"
    TOKEN_USAGE: Final = "tracer.trace.tokenUsage"
    COST: Final = "tracer.trace.cost"
    INPUTS: Final = "tracer.traceInputs"
    OUTPUTS: Final = "tracer.traceOutputs"


class TraceTagKey:
    """Keys by which ``trace.info.tags`` knows fields of a trace."""

    TRACE_NAME: Final = "tracer.traceName"

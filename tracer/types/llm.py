"""The chat schema under the name that other tools give it; its home is ``tracer.models``."""

from __future__ import annotations

from tracer.models.chat import (
    ChatChoice,
    ChatChoiceDelta,
    ChatChoiceLogProbs,
    ChatChunkChoice,
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatParams,
    TokenLogProb,
    TokenUsageStats,
    TopTokenLogProb,
)
from tracer.models.messages import (
    ChatMessage,
    FunctionToolCallArguments,
    FunctionToolDefinition,
    ParamProperty,
    ParamType,
    ToolCall,
    ToolDefinition,
    ToolParamsSchema,
)

__all__ = [
    "ChatChoice",
    "ChatChoiceDelta",
    "ChatChoiceLogProbs",
    "ChatChunkChoice",
    "ChatCompletionChunk",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatMessage",
    "ChatParams",
    "FunctionToolCallArguments",
    "FunctionToolDefinition",
    "ParamProperty",
    "ParamType",
    "TokenLogProb",
    "TokenUsageStats",
    "ToolCall",
    "ToolDefinition",
    "ToolParamsSchema",
    "TopTokenLogProb",
]

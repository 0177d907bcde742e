"""Package an app behind OpenAI's chat schema: write a ChatModel, log it as a version, load it back, serve it."""

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
    FunctionCallChunk,
    TokenLogProb,
    TokenUsageStats,
    ToolCallChunk,
    TopTokenLogProb,
)
from tracer.models.errors import ModelError
from tracer.models.from_code import ModelConfig, set_model
from tracer.models.loaded import LoadedModel
from tracer.models.loading import load_model, validate_serving_input
from tracer.models.log import log_model, save_model
from tracer.models.messages import (
    ChatMessage,
    FunctionToolCallArguments,
    FunctionToolDefinition,
    ParamProperty,
    ToolCall,
    ToolDefinition,
    ToolParamsSchema,
)
from tracer.models.python_model import ChatModel, PythonModel, PythonModelContext
from tracer.models.shape import ValidationError

__all__ = [
    "ChatChoice",
    "ChatChoiceDelta",
    "ChatChoiceLogProbs",
    "ChatChunkChoice",
    "ChatCompletionChunk",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatMessage",
    "ChatModel",
    "ChatParams",
    "FunctionCallChunk",
    "FunctionToolCallArguments",
    "FunctionToolDefinition",
    "LoadedModel",
    "ModelConfig",
    "ModelError",
    "ParamProperty",
    "PythonModel",
    "PythonModelContext",
    "TokenLogProb",
    "TokenUsageStats",
    "ToolCall",
    "ToolCallChunk",
    "ToolDefinition",
    "ToolParamsSchema",
    "TopTokenLogProb",
    "ValidationError",
    "load_model",
    "log_model",
    "save_model",
    "set_model",
    "validate_serving_input",
]

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
from tracer.models.info import ModelInfo
from tracer.models.invocation import convert_input_example_to_serving_input
from tracer.models.loaded import LoadedModel
from tracer.models.loading import get_model_info, load_model, predict, validate_serving_input
from tracer.models.log import log_model, save_model
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
from tracer.models.python_model import ChatModel, PythonModel, PythonModelContext
from tracer.models.responses_agent import ResponsesAgent
from tracer.models.shape import ValidationError
from tracer.models.signature import ModelSignature, infer_signature

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
    "ModelInfo",
    "ModelSignature",
    "ParamProperty",
    "ParamType",
    "PythonModel",
    "PythonModelContext",
    "ResponsesAgent",
    "TokenLogProb",
    "TokenUsageStats",
    "ToolCall",
    "ToolCallChunk",
    "ToolDefinition",
    "ToolParamsSchema",
    "TopTokenLogProb",
    "ValidationError",
    "convert_input_example_to_serving_input",
    "get_model_info",
    "infer_signature",
    "load_model",
    "log_model",
    "predict",
    "save_model",
    "set_model",
    "validate_serving_input",
]

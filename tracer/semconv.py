"""Attribute names: OpenTelemetry's GenAI conventions, and additions to them under ``tracer.``.

Source: open-telemetry/semantic-conventions-genai, development channel of 2026; the constants of the package
`opentelemetry-semantic-conventions` are deprecated since the conventions moved; hence the names are kept here.
"""

from __future__ import annotations

from typing import Final

# tracer's own
SPAN_TYPE: Final = "tracer.span.type"
INPUTS: Final = "tracer.inputs"
OUTPUTS: Final = "tracer.outputs"
TRUNCATED: Final = "tracer.truncated"  # {key: bytes before the cut}
INCOMPLETE: Final = "tracer.incomplete"  # why a stream or a generator ended before its end
STREAM_CHUNKS: Final = "tracer.stream.chunks"
STREAM_CHUNKS_LEFT_OUT: Final = "tracer.stream.chunks_left_out"
CHUNK_EVENT: Final = "tracer.stream.chunk"  # one event for each chunk of a stream
CHUNK: Final = "tracer.chunk"  # its attribute: the chunk as JSON
CHUNK_BYTES: Final = "tracer.chunk.bytes"  # in its place, where the whole reply holds a secret
STREAM_CHUNKS_REDACTED: Final = "tracer.stream.chunks_redacted"
RETRIES: Final = "tracer.retries"
REQUEST_ID: Final = "tracer.provider.request_id"
PROVIDER_ERROR_CODE: Final = "tracer.provider.error_code"  # such as model_not_found
PROVIDER_ERROR_TYPE: Final = "tracer.provider.error_type"  # such as invalid_request_error
HELPER: Final = "tracer.provider.helper"  # the SDK's convenience method that made the call
REQUEST_OPTION: Final = "tracer.request."  # followed by the name of a parameter without a convention
SERVER_TOTAL_TIME: Final = "tracer.server.total_time"  # seconds, as reported by the model's server
SERVER_LOAD_TIME: Final = "tracer.server.load_time"  # until the model was in memory
SERVER_PROMPT_TIME: Final = "tracer.server.prompt_time"
SERVER_GENERATION_TIME: Final = "tracer.server.generation_time"
PROMPT: Final = "tracer.prompt."  # of a trace's metadata, followed by name/version: a registered prompt that it used
EXAMPLE: Final = "tracer.example"  # tag of the trace of a model's input example, which is run while it is logged
REPLAYED: Final = "tracer.replayed"  # of a call that was answered from a record: nothing was sent, or paid
FORKED_TRACE: Final = "tracer.forked_from.trace_id"  # metadata of a trace that goes through another one again
FORKED_SPAN: Final = "tracer.forked_from.span_id"  # the step from which on it is live
FUNCTION: Final = "code.function.name"
OVERRIDDEN_BY: Final = "tracer.overridden_by"  # metadata of feedback: the id of the feedback that counts in its place
OVERRIDES: Final = "tracer.overrides"  # metadata of the latter: the id of the feedback that it overrides

# operation and provider
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"

# steps above the calls
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_MODEL: Final = "tracer.agent.model"  # the model that the calls of an agent name
TOOL_NAME: Final = "gen_ai.tool.name"
PROMPT_NAME: Final = "gen_ai.prompt.name"

# requests of the Model Context Protocol
MCP_METHOD: Final = "mcp.method.name"
MCP_SESSION: Final = "mcp.session.id"
MCP_VERSION: Final = "mcp.protocol.version"
MCP_RESOURCE: Final = "mcp.resource.uri"
JSONRPC_ID: Final = "jsonrpc.request.id"
RPC_STATUS: Final = "rpc.response.status_code"

# request
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
EMBEDDINGS_DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
OUTPUT_SCHEMA: Final = "tracer.request.output_schema"  # the JSON schema that a structured output was to have
CONVERSATION_ID: Final = "gen_ai.conversation.id"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_FINGERPRINT: Final = "openai.response.system_fingerprint"

# reply
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_STATUS: Final = "gen_ai.response.status"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds

# tokens; input and output are inclusive of their parts
USAGE_INPUT: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"  # was cache_creation until 2026
USAGE_CACHE_WRITE_1H: Final = "tracer.usage.cache_write_1h.input_tokens"  # those of them that are kept for an hour
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT: Final = "gen_ai.usage.audio.output_tokens"
USAGE_IMAGE_INPUT: Final = "gen_ai.usage.image.input_tokens"
USAGE_IMAGE_OUTPUT: Final = "gen_ai.usage.image.output_tokens"
USAGE_TEXT_INPUT: Final = "gen_ai.usage.text.input_tokens"
USAGE_TEXT_OUTPUT: Final = "gen_ai.usage.text.output_tokens"
USAGE_TOTAL: Final = "tracer.usage.total_tokens"  # as the provider sent it
USAGE_AUDIO_SECONDS: Final = "tracer.usage.input_audio_seconds"  # where a provider bills time, not tokens

TOKEN_USAGE: Final = {
    "input_tokens": USAGE_INPUT,
    "output_tokens": USAGE_OUTPUT,
    "total_tokens": USAGE_TOTAL,
    "cache_read_input_tokens": USAGE_CACHE_READ,
    "cache_write_input_tokens": USAGE_CACHE_WRITE,
    "cache_write_1h_input_tokens": USAGE_CACHE_WRITE_1H,
    "reasoning_output_tokens": USAGE_REASONING,
    "audio_input_tokens": USAGE_AUDIO_INPUT,
    "audio_output_tokens": USAGE_AUDIO_OUTPUT,
    "image_input_tokens": USAGE_IMAGE_INPUT,
    "image_output_tokens": USAGE_IMAGE_OUTPUT,
    "text_input_tokens": USAGE_TEXT_INPUT,
    "text_output_tokens": USAGE_TEXT_OUTPUT,
}

# conversation, JSON in the conventions' schema (role, parts, finish_reason)
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

# metadata of traces and of their feedback, by which an evaluation finds its rows again
EVALUATION_ROW: Final = "tracer.evaluation.row"  # id of the row, or a digest of its inputs
EVALUATED_DATASET: Final = "tracer.dataset"  # of a run: the name of the dataset
EVALUATED_VERSION: Final = "tracer.model_id"  # of a run
EVALUATION_ROWS: Final = "tracer.evaluation.rows"  # of a run: how many rows it is to have
EVALUATION_RUN: Final = "tracer.evaluation.run"
JUDGED_IN_RUN: Final = "tracer.evaluation.in."  # and the id of a run that scored a trace of another one: "yes"
EVALUATION_SCORER: Final = "tracer.evaluation.scorer"
JUDGED_TRACE: Final = "tracer.judged.trace_id"  # of a judge's trace: the trace that it judges
JUDGE_TRACE: Final = "tracer.judge.trace_id"  # of a judge's feedback: the trace of its call

# metadata of a trace that the page made by trying a call again: the call that it began with
TRIED_TRACE: Final = "tracer.tried_again.trace_id"
TRIED_SPAN: Final = "tracer.tried_again.span_id"

# USD, as the provider sent it: wins over the table of prices
COST_TOTAL: Final = "tracer.cost.total"
COST_INPUT: Final = "tracer.cost.input"
COST_OUTPUT: Final = "tracer.cost.output"

# server and outcome
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
NETWORK_TRANSPORT: Final = "network.transport"  # tcp, pipe, …
HTTP_STATUS: Final = "http.response.status_code"
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"  # of an event named exception


class SpanType:
    """Types of span. Any other string is a type as well."""

    LLM: Final = "LLM"
    CHAT_MODEL: Final = "CHAT_MODEL"
    EMBEDDING: Final = "EMBEDDING"
    CHAIN: Final = "CHAIN"
    AGENT: Final = "AGENT"
    TOOL: Final = "TOOL"
    RETRIEVER: Final = "RETRIEVER"
    RERANKER: Final = "RERANKER"
    PARSER: Final = "PARSER"
    MEMORY: Final = "MEMORY"
    WORKFLOW: Final = "WORKFLOW"
    TASK: Final = "TASK"
    GUARDRAIL: Final = "GUARDRAIL"
    EVALUATOR: Final = "EVALUATOR"
    UNKNOWN: Final = "UNKNOWN"

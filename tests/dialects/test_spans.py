"""One span of each kind in every dialect, as it is sent, shows as one of tracer's own would.

The spans follow what the real packages send for a call with 100 input (40 cached) and 20 output (5 reasoning) tokens.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.dialects.seen import Sent, is_primitive, seen, send
from tests.server.conftest import START
from tracer._engine.joined_provider import drop_content
from tracer.dialects import translate

pytestmark = pytest.mark.no_store

COST = 0.000024  # of such a call to gpt-4o-mini, by the table of prices
ASKED = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "How warm?"}]
ASKED_SEEN = ["system: Be brief", "user: How warm?"]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CALL_SEEN = 'assistant: weather{"city": "Oslo"}#c1'
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
REPLY = {"choices": [{"message": {"role": "assistant", "content": "21"}, "finish_reason": "stop"}]}
ITEMS = [
    {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "21"}]},
]
OPENAI_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
TOKENS = [100, 20, 40, None, 5]
COUNTED = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
MINI = {"gen_ai.request.model": "gpt-4o-mini"}

LANGFUSE = {
    "a generation": Sent(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.model.parameters": {"temperature": 0.5, "max_tokens": "Infinity"},
            "langfuse.observation.input": {"messages": ASKED, "tools": TOOLS},
            "langfuse.observation.output": {"role": "assistant", "content": None, "tool_calls": [CALL]},
            "langfuse.observation.usage_details": OPENAI_USAGE,
            "langfuse.observation.completion_start_time": '"2026-09-21T14:13:20.250000Z"',
            "langfuse.observation.metadata.finish_reason": '"tool_calls"',
            "langfuse.trace.name": "weather trace",
            "langfuse.trace.tags": ["prod"],
            "langfuse.trace.metadata.k": '"v"',
            "session.id": "s-1",
            "user.id": "ann",
        },
        {
            "kind": "CHAT_MODEL",
            "name": "weather trace",
            "in": ASKED_SEEN,
            "out": [CALL_SEEN],
            "tools": ["weather"],
            "model": "gpt-4o-mini",
            "temperature": 0.5,
            "tokens": TOKENS,
            "cost": COST,
            "reasons": ["tool_calls"],
            "first_chunk": 0.25,
            "session": "s-1",
            "user": "ann",
            "tags": ["prod"],
            "metadata": {"k": "v"},
        },
        name="OpenAI-generation",
    ),
    "a generation by hand": Sent(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-3-5-sonnet-20241022",
            "langfuse.observation.input": [{"role": "user", "content": "How warm?"}],
            "langfuse.observation.output": "21",
            "langfuse.observation.usage_details": {"input": 10, "output": 5, "cache_read_input_tokens": 2},
            "langfuse.observation.cost_details": {"input": 0.001, "output": 0.002, "total": 0.003},
            "langfuse.observation.level": "ERROR",
        },
        {
            "in": ["user: How warm?"],
            "out": ["assistant: 21"],
            "tokens": [12, 5, 2, None, None],
            "cost": 0.003,
            "error": "bad",
            "previews": ["How warm?", "21"],
        },
        error="bad",
    ),
    "a response": Sent(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": ASKED,
            "langfuse.observation.output": ITEMS,
            "langfuse.observation.usage_details": {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 40},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 5},
            },
        },
        {"in": ASKED_SEEN, "out": ["assistant: (Hm.) | 21"], "tokens": TOKENS},
    ),
    "a generation of LangChain": Sent(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": [{"role": "user", "content": "How warm?"}],
            "langfuse.observation.output": {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}],
            },
            "langfuse.observation.usage_details": {
                "input": 60,
                "input_cache_read": 40,
                "output": 15,
                "output_reasoning": 5,
                "total": 120,
            },
        },
        {"out": [CALL_SEEN], "tokens": TOKENS},
    ),
    "a tool": Sent(
        {
            "langfuse.observation.type": "tool",
            "langfuse.observation.input": {"city": "Oslo"},
            "langfuse.observation.output": "21",
        },
        {"kind": "TOOL", "name": "weather", "inputs": {"city": "Oslo"}, "outputs": "21"},
        name="weather",
    ),
}
VERCEL_METADATA = {
    "ai.telemetry.metadata.userId": "ann",
    "ai.telemetry.metadata.sessionId": "s-1",
    "ai.telemetry.metadata.tags": ["prod"],
    "ai.telemetry.metadata.k": "v",
}
VERCEL = {
    "the outer step": Sent(
        {
            "ai.operationId": "ai.generateText",
            "ai.telemetry.functionId": "forecast",
            "ai.prompt": {"system": "Be brief", "prompt": "How warm?"},
            "ai.response.text": "21",
            "ai.response.finishReason": "stop",
            "ai.model.id": "gpt-4o-mini",
            "ai.model.provider": "openai.chat",
            "ai.usage.inputTokens": 100,
            **VERCEL_METADATA,
        },
        {
            "kind": "AGENT",
            "name": "forecast",
            "in": ["user: How warm?"],
            "system": ["Be brief"],
            "out": ["assistant: 21"],
            "provider": "openai",
            "tokens": [None] * 5,
            "previews": ["How warm?", "21"],
            "session": "s-1",
            "user": "ann",
            "tags": ["prod"],
            "metadata": {"k": "v"},
        },
        name="ai.generateText forecast",
    ),
    "a call": Sent(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.prompt.messages": [
                {"role": "system", "content": "Be brief"},
                {"role": "user", "content": [{"type": "text", "text": "How warm?"}]},
            ],
            "ai.prompt.tools": ['{"type": "function", "name": "weather", "inputSchema": {"type": "object"}}'],
            "ai.response.reasoning": "Hm.",
            "ai.response.toolCalls": [{"toolCallId": "c1", "toolName": "weather", "input": '{"city": "Oslo"}'}],
            "ai.response.finishReason": "tool-calls",
            "ai.response.msToFirstChunk": 250.0,
            "ai.model.id": "gpt-4o-mini",
            "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 20,
            "ai.usage.inputTokenDetails.cacheReadTokens": 40,
            "ai.usage.outputTokenDetails.reasoningTokens": 5,
            "gen_ai.system": "openai.chat",
            **MINI,
            **COUNTED,
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": ['assistant: (Hm.) | weather{"city": "Oslo"}#c1'],
            "tools": ["weather"],
            "model": "gpt-4o-mini",
            "provider": "openai",
            "tokens": TOKENS,
            "cost": COST,
            "reasons": ["tool-calls"],
            "first_chunk": 0.25,
        },
    ),
    "a call of version 4": Sent(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.messages": [
                {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "result": "21"}]}
            ],
            "ai.result.text": "21",
            "ai.finishReason": "stop",
            "ai.usage.promptTokens": 100,
            "ai.usage.completionTokens": 20,
            "ai.usage.cachedInputTokens": 40,
            "ai.usage.reasoningTokens": 5,
        },
        {"in": ["tool: #c1 = 21"], "out": ["assistant: 21"], "tokens": TOKENS, "reasons": ["stop"]},
    ),
    "a tool": Sent(
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "weather",
            "ai.toolCall.id": "c1",
            "ai.toolCall.args": {"city": "Oslo"},
            "ai.toolCall.result": '"21"',
        },
        {"kind": "TOOL", "name": "weather", "tool": "weather", "inputs": {"city": "Oslo"}, "outputs": "21"},
        name="ai.toolCall",
    ),
    "an object": Sent(
        {
            "ai.operationId": "ai.generateObject.doGenerate",
            "ai.prompt.messages": [{"role": "user", "content": "How warm?"}],
            "ai.response.object": {"degrees": 21},
        },
        {"kind": "CHAT_MODEL", "out": ['assistant: {"degrees":21}']},
    ),
    "embeddings": Sent(
        {
            "ai.operationId": "ai.embedMany.doEmbed",
            "ai.values": ['"Oslo"', '"Lisbon"'],
            "ai.embeddings": ["[0.1]", "[0.2]"],
            "ai.usage.tokens": 10,
            "ai.model.id": "text-embedding-3-small",
            "ai.model.provider": "openai.embedding",
        },
        {
            "kind": "EMBEDDING",
            "inputs": ["Oslo", "Lisbon"],
            "outputs": [[0.1], [0.2]],
            "tokens": [10, None, None, None, None],
            "cost": 0.0000002,
        },
    ),
}
LANGSMITH = {
    "a call": Sent(
        {
            "langsmith.span.kind": "llm",
            "langsmith.metadata.usage_metadata": {
                "input_tokens": 100,
                "output_tokens": 20,
                "input_token_details": {"cache_read": 40},
                "output_token_details": {"reasoning": 5},
            },
            "langsmith.metadata.ls_provider": "openai",
            "langsmith.metadata.ls_temperature": 0.5,
            "langsmith.metadata.session_id": "s-1",
            "langsmith.metadata.user_id": "ann",
            "langsmith.metadata.k": "v",
            "langsmith.span.tags": "prod, blue",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.prompt": {"messages": ASKED, "model": "gpt-4o-mini", "tools": TOOLS},
            "gen_ai.completion": {
                "id": "x",
                "choices": [{"message": {"role": "assistant", "tool_calls": [CALL]}, "finish_reason": "tool_calls"}],
            },
            **MINI,
            **COUNTED,
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": [CALL_SEEN],
            "tools": ["weather"],
            "tokens": TOKENS,
            "cost": COST,
            "temperature": 0.5,
            "session": "s-1",
            "user": "ann",
            "tags": ["blue", "prod"],
            "metadata": {"k": "v"},
            "reasons": ["tool_calls"],
        },
    ),
    "a response": Sent(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.prompt": {"input": [{"role": "user", "content": "How warm?"}], "instructions": "Be brief"},
            "gen_ai.completion": {"id": "x", "object": "response", "output": ITEMS},
        },
        {"in": ["user: How warm?"], "system": ["Be brief"], "out": ["assistant: (Hm.) | 21"]},
    ),
    "a call of LangChain": Sent(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.prompt": {
                "messages": [
                    [
                        {
                            "lc": 1,
                            "type": "constructor",
                            "id": ["langchain", "schema", "messages", "HumanMessage"],
                            "kwargs": {"content": "How warm?", "type": "human"},
                        }
                    ]
                ]
            },
            "gen_ai.completion": {
                "generations": [
                    [
                        {
                            "text": "21",
                            "message": {
                                "lc": 1,
                                "type": "constructor",
                                "id": ["langchain", "schema", "messages", "AIMessage"],
                                "kwargs": {"content": "21", "type": "ai"},
                            },
                        }
                    ]
                ],
                "llm_output": {"token_usage": OPENAI_USAGE},
            },
        },
        {"in": ["user: How warm?"], "out": ["assistant: 21"], "tokens": TOKENS},
    ),
    "a tool": Sent(
        {
            "langsmith.span.kind": "tool",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.system": "langchain",
            "gen_ai.prompt": {"city": "Oslo"},
            "gen_ai.completion": {"output": 21},
        },
        {"kind": "TOOL", "inputs": {"city": "Oslo"}, "outputs": 21, "in": [], "out": [], "provider": None},
    ),
    "a tool of LangChain": Sent(
        {
            "langsmith.span.kind": "tool",
            "gen_ai.completion": {
                "output": {
                    "lc": 1,
                    "type": "constructor",
                    "id": ["langchain", "schema", "messages", "ToolMessage"],
                    "kwargs": {"content": "21", "tool_call_id": "c1", "type": "tool"},
                }
            },
        },
        {"outputs": "21"},
    ),
    "a retriever": Sent(
        {
            "langsmith.span.kind": "retriever",
            "gen_ai.operation.name": "embeddings",
            "gen_ai.prompt": {"q": "trams"},
            "gen_ai.completion": {"output": [{"page_content": "Tram 28"}]},
        },
        {"kind": "RETRIEVER", "inputs": {"q": "trams"}, "outputs": [{"page_content": "Tram 28"}]},
    ),
    "a chain": Sent(
        {"langsmith.span.kind": "chain", "gen_ai.operation.name": "chain", "gen_ai.prompt": {"q": "How warm?"}},
        {"kind": "CHAIN", "inputs": {"q": "How warm?"}},
    ),
}
MLFLOW = {
    "OpenAI's format": Sent(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.message.format": '"openai"',
            "mlflow.spanInputs": {"model": "gpt-4o-mini", "messages": ASKED, "tools": TOOLS},
            "mlflow.spanOutputs": {**REPLY, "usage": OPENAI_USAGE},
            "mlflow.chat.tokenUsage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
            "mlflow.llm.cost": {"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3},
            "mlflow.trace.session": '"s-1"',
            "mlflow.trace.user": '"ann"',
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": ["assistant: 21"],
            "tools": ["weather"],
            "model": "gpt-4o-mini",
            "tokens": TOKENS,
            "cost": 0.3,
            "first_chunk": 0.25,
            "session": "s-1",
            "user": "ann",
        },
        events=[("mlflow.chunk.item.0", {"mlflow.chunk.value": "{}"})],
    ),
    "the format of OpenAI's responses": Sent(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": {"model": "gpt-4o-mini", "input": "How warm?", "instructions": "Be brief"},
            "mlflow.spanOutputs": {"object": "response", "output": ITEMS},
        },
        {"in": ["user: How warm?"], "system": ["Be brief"], "out": ["assistant: (Hm.) | 21"]},
    ),
    "Anthropic's format": Sent(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": {
                "system": "Be brief",
                "messages": [
                    {"role": "user", "content": "How warm?"},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "21"}]},
                ],
            },
            "mlflow.spanOutputs": {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}],
                "stop_reason": "tool_use",
            },
        },
        {
            "system": ["Be brief"],
            "in": ["user: How warm?", "tool: #c1 = 21"],
            "out": [CALL_SEEN],
            "reasons": ["tool_use"],
        },
    ),
    "Gemini's format": Sent(
        {
            "mlflow.spanType": '"LLM"',
            "mlflow.spanInputs": {
                "contents": [{"role": "user", "parts": [{"text": "How warm?"}]}],
                "config": {"system_instruction": "Be brief"},
            },
            "mlflow.spanOutputs": {
                "candidates": [{"content": {"role": "model", "parts": [{"text": "21"}]}, "finish_reason": "STOP"}]
            },
        },
        {"system": ["Be brief"], "in": ["user: How warm?"], "out": ["assistant: 21"], "reasons": ["STOP"]},
    ),
    "LangChain's format": Sent(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": [[{"type": "human", "content": "How warm?"}]],
            "mlflow.spanOutputs": {"generations": [[{"message": {"type": "ai", "content": "21"}}]]},
        },
        {"in": ["user: How warm?"], "out": ["assistant: 21"]},
    ),
    "Bedrock's format": Sent(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": {"messages": [{"role": "user", "content": [{"text": "How warm?"}]}]},
            "mlflow.spanOutputs": {
                "output": {"message": {"role": "assistant", "content": [{"text": "21"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 60, "outputTokens": 20, "cacheReadInputTokens": 40},
            },
        },
        {"in": ["user: How warm?"], "out": ["assistant: 21"], "tokens": [100, 20, 40, None, None]},
    ),
}
ADK = {
    "a call of another model than Gemini": Sent(
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "openai/gpt-4o-mini",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 25,
            "gen_ai.usage.cache_read.input_tokens": 40,
            "gen_ai.usage.reasoning.output_tokens": 5,
        },
        {"kind": "CHAT_MODEL", "tokens": TOKENS, "cost": COST},
        name="generate_content openai/gpt-4o-mini",
        scope="gcp.vertex.agent",
    ),
    "a call of Gemini": Sent(
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.request.model": "gemini-2.0-flash",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 25,
            "gen_ai.usage.reasoning.output_tokens": 5,
        },
        {"tokens": [100, 25, None, None, 5]},
        name="generate_content gemini-2.0-flash",
        scope="gcp.vertex.agent",
    ),
    "a call": Sent(
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "gemini-2.0-flash",
            "gcp.vertex.agent.session_id": "s-1",
            "gcp.vertex.agent.llm_request": {
                "model": "gemini-2.0-flash",
                "config": {
                    "system_instruction": "Be brief",
                    "tools": [{"function_declarations": [{"name": "weather"}]}],
                },
                "contents": [{"role": "user", "parts": [{"text": "How warm?"}]}],
            },
            "gcp.vertex.agent.llm_response": {
                "content": {
                    "role": "model",
                    "parts": [{"function_call": {"name": "weather", "args": {"city": "Oslo"}}}],
                },
                "finish_reason": "STOP",
                "usage_metadata": {"prompt_token_count": 100, "candidates_token_count": 20},
            },
        },
        {
            "kind": "CHAT_MODEL",
            "in": ["user: How warm?"],
            "out": ['assistant: weather{"city": "Oslo"}#None'],
            "system": ["Be brief"],
            "tools": ["weather"],
            "provider": "gcp.gemini",
            "tokens": [100, 20, None, None, None],
            "reasons": ["STOP"],
            "session": "s-1",
        },
        name="call_llm",
    ),
    "a tool": Sent(
        {
            "gcp.vertex.agent.tool_call_args": {"city": "Oslo"},
            "gcp.vertex.agent.tool_response": {"result": 21},
            "gcp.vertex.agent.llm_request": "{}",
            "gcp.vertex.agent.llm_response": "{}",
        },
        {"kind": "TOOL", "inputs": {"city": "Oslo"}, "outputs": {"result": 21}, "in": [], "out": []},
        name="execute_tool weather",
    ),
    "an agent": Sent({"gcp.vertex.agent.session_id": "s-1"}, {"kind": "AGENT"}, name="agent_run [forecaster]"),
    "a run": Sent({}, {"kind": "CHAIN"}, name="invocation", scope="gcp.vertex.agent"),
    "a model of someone else's": Sent(
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "openai/gpt-4o-mini",
            "gcp.vertex.agent.invocation_id": "i-1",
            **COUNTED,
            "gen_ai.usage.cache_read.input_tokens": 40,
        },
        {"cost": COST, "provider": None},
        name="call_llm",
    ),
}
LOGFIRE = {
    "an agent of PydanticAI's format 2": Sent(
        {"agent_name": "weather", "logfire.msg": "weather run", "gen_ai.usage.input_tokens": 900},
        {"kind": "AGENT", "name": "weather run", "tokens": [None] * 5},
        name="agent run",
        scope="pydantic-ai",
    ),
    "a tool of PydanticAI's format 2": Sent(
        {"gen_ai.tool.name": "weather", "logfire.msg": "running tool: weather", "tool_arguments": {"city": "Oslo"}},
        {"kind": "TOOL", "tool": "weather", "inputs": {"city": "Oslo"}},
        name="running tool",
        scope="pydantic-ai",
    ),
    "tools of PydanticAI's format 2": Sent(
        {"tools": ["weather"], "logfire.msg": "running 1 tool"}, {"kind": "CHAIN"}, scope="pydantic-ai"
    ),
    "a call of today": Sent(
        {
            "logfire.msg": "Chat Completion with 'gpt-4o-mini'",
            "logfire.msg_template": "Chat Completion with {request_data[model]!r}",
            "logfire.tags": ["LLM", "prod"],
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "How warm?"}]}],
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.usage.raw": OPENAI_USAGE,
            "gen_ai.usage.cache_read.input_tokens": 40,
            "operation.cost": 0.5,
            "request_data": {"model": "gpt-4o-mini"},
            **MINI,
            **COUNTED,
        },
        {
            "kind": "CHAT_MODEL",
            "name": "Chat Completion with 'gpt-4o-mini'",
            "in": ["user: How warm?"],
            "tokens": TOKENS,
            "cost": 0.5,
            "reasons": ["stop"],
            "tags": ["prod"],
        },
        name="Chat Completion with {request_data[model]!r}",
    ),
    "a call of earlier": Sent(
        {
            "logfire.msg": "Chat Completion",
            "request_data": {"model": "gpt-4o-mini", "messages": ASKED, "tools": TOOLS},
            "response_data": {"message": {"role": "assistant", "content": "21"}, "usage": OPENAI_USAGE},
        },
        {"in": ASKED_SEEN, "out": ["assistant: 21"], "tools": ["weather"], "tokens": TOKENS},
    ),
    "a stream of earlier": Sent(
        {
            "logfire.msg": "streaming response",
            "request_data": {"model": "gpt-4o-mini", "messages": ASKED},
            "response_data": {"combined_chunk_content": "21", "chunk_count": 2},
        },
        {"in": ASKED_SEEN, "out": ["assistant: 21"]},
    ),
    "events in an attribute": Sent(
        {
            "logfire.msg": "chat",
            "gen_ai.operation.name": "chat",
            "events": [
                {"event.name": "gen_ai.system.message", "content": "Be brief", "role": "system"},
                {"event.name": "gen_ai.user.message", "content": "How warm?", "role": "user"},
                {"event.name": "gen_ai.assistant.message", "role": "assistant", "tool_calls": [CALL]},
                {"event.name": "gen_ai.tool.message", "role": "tool", "id": "c1", "content": "21"},
                {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "21"}},
            ],
        },
        {"in": [*ASKED_SEEN, CALL_SEEN, "tool: #c1 = 21"], "out": ["assistant: 21"], "previews": ["How warm?", "21"]},
    ),
    "an agent's events": Sent(
        {
            "logfire.msg": "agent run",
            "gen_ai.operation.name": "invoke_agent",
            "all_messages_events": [
                {"event.name": "gen_ai.user.message", "content": "How warm?", "role": "user"},
                {"event.name": "gen_ai.assistant.message", "content": "21", "role": "assistant"},
            ],
            "final_result": "21",
        },
        {"kind": "AGENT", "in": ["user: How warm?"], "out": ["assistant: 21"], "outputs": "21"},
    ),
    "an agent of PydanticAI": Sent(
        {
            "logfire.msg": "weather run",
            "gen_ai.operation.name": "invoke_agent",
            "pydantic_ai.all_messages": [
                {"role": "user", "parts": [{"type": "text", "content": "How warm?"}]},
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "thinking", "content": "Hm."},
                        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'},
                    ],
                },
                {
                    "role": "user",
                    "parts": [{"type": "tool_call_response", "id": "c1", "name": "weather", "result": "21"}],
                },
                {"role": "assistant", "parts": [{"type": "text", "content": "It is 21."}]},
            ],
            "final_result": "It is 21.",
            "gen_ai.conversation.id": "s-1",
        },
        {
            "kind": "AGENT",
            "name": "weather run",
            "in": ["user: How warm?", 'assistant: (Hm.) | weather{"city": "Oslo"}#c1', "tool: #c1 = 21"],
            "out": ["assistant: It is 21."],
            "inputs": "How warm?",
            "outputs": "It is 21.",
            "session": "s-1",
            "previews": ["How warm?", "It is 21."],
        },
        name="agent run",
    ),
    "a tool of PydanticAI": Sent(
        {
            "logfire.msg": "running tool: weather",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "tool_arguments": {"city": "Oslo"},
            "tool_response": "21",
        },
        {"kind": "TOOL", "name": "running tool: weather", "inputs": {"city": "Oslo"}, "outputs": "21"},
        name="running tool",
    ),
    "a call of PydanticAI": Sent(
        {
            "logfire.json_schema": "{}",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.details.reasoning_tokens": 5,
            "gen_ai.usage.details.cache_read_tokens": 40,
            "gen_ai.client.operation.time_to_first_chunk": 0.25,
            "model_request_parameters": {
                "function_tools": [{"name": "weather", "parameters_json_schema": {"type": "object"}, "strict": True}]
            },
            **MINI,
            **COUNTED,
        },
        {"tokens": TOKENS, "cost": COST, "first_chunk": 0.25, "tools": ["weather"]},
    ),
}
STRANDS = {
    "a cycle of an older version": Sent(
        {"event_loop.cycle_id": "1"},
        {"kind": "CHAIN"},
        name="execute_event_loop_cycle",
        scope="strands.telemetry.tracer",
        events=[("gen_ai.user.message", {"content": '[{"text": "How warm?"}]'})],
    ),
    "a call": Sent(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", **MINI, **COUNTED,
         "gen_ai.server.time_to_first_token": 250},
        {
            "kind": "CHAT_MODEL",
            "in": ["system: Be brief", "user: How warm?", "tool: #c1 = 21"],
            "out": [CALL_SEEN],
            "reasons": ["tool_use"],
            "first_chunk": 0.25,
            "cost": 0.000027,
        },
        scope="strands.telemetry.tracer",
        events=[
            ("gen_ai.system.message", {"content": [{"text": "Be brief"}]}),
            ("gen_ai.user.message", {"content": [{"text": "How warm?"}]}),
            ("gen_ai.tool.message", {"content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "21"}]}}]}),
            (
                "gen_ai.choice",
                {
                    "finish_reason": "tool_use",
                    "message": [{"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Oslo"}}}],
                },
            ),
        ],
    ),
    "a tool": Sent(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"},
        {"kind": "TOOL", "inputs": {"city": "Oslo"}, "outputs": "21", "in": [], "out": []},
        events=[
            ("gen_ai.tool.message", {"role": "tool", "content": {"city": "Oslo"}, "id": "c1"}),
            ("gen_ai.choice", {"message": [{"text": "21"}], "id": "c1"}),
        ],
    ),
}  # fmt: skip
SPRING = {
    "a call": Sent(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": "100",
            "gen_ai.usage.output_tokens": "20",
            "gen_ai.response.finish_reasons": '["STOP"]',
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": ["assistant: 21"],
            "tokens": [100, 20, None, None, None],
            "cost": 0.000027,
            "reasons": ["STOP"],
        },
        events=[
            ("gen_ai.content.prompt", {"gen_ai.prompt": '["system: Be brief","user: How warm?"]'}),
            ("gen_ai.content.completion", {"gen_ai.completion": '["21"]'}),
        ],
    ),
    "a tool": Sent(
        {
            "spring.ai.kind": "tool_call",
            "spring.ai.tool.definition.name": "weather",
            "spring.ai.tool.call.arguments": {"city": "Oslo"},
            "spring.ai.tool.call.result": "21",
        },
        {"kind": "TOOL", "tool": "weather", "inputs": {"city": "Oslo"}, "outputs": "21"},
    ),
    "a client": Sent(
        {"spring.ai.kind": "chat_client", "gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai"},
        {"kind": "CHAIN"},
    ),
}
CLAUDE_CODE = {
    "an interaction": Sent(
        {"span.type": "interaction", "user_prompt": "How warm?", "session.id": "s-1", "user.id": "ann"},
        {"kind": "AGENT", "inputs": "How warm?", "session": "s-1", "user": "ann"},
        scope="com.anthropic.claude_code.tracing",
    ),
    "a call": Sent(
        {
            "span.type": "llm_request",
            "model": "claude-sonnet-4-5",
            "new_context": "How warm?",
            "response.model_output": "21",
            "input_tokens": 60,
            "output_tokens": 20,
            "cache_read_tokens": 40,
            "cache_creation_tokens": 10,
            "ttft_ms": 250,
        },
        {
            "kind": "CHAT_MODEL",
            "in": ["user: How warm?"],
            "out": ["assistant: 21"],
            "model": "claude-sonnet-4-5",
            "tokens": [110, 20, 40, 10, None],
            "cost": 60 * 3e-6 + 40 * 0.3e-6 + 10 * 3.75e-6 + 20 * 15e-6,
            "first_chunk": 0.25,
            "previews": ["How warm?", "21"],
        },
        name="claude_code.llm_request",
    ),
    "a tool": Sent(
        {"span.type": "tool", "tool_name": "Bash", "tool_input": {"command": "ls"}},
        {"kind": "TOOL", "tool": "Bash", "inputs": {"command": "ls"}, "outputs": "a.py"},
        name="claude_code.tool",
        events=[("tool.output", {"output": "a.py"})],
    ),
}
CODEX = {
    "a turn": Sent(
        {"conversation.id": "s-1", "model": "gpt-5"},
        {
            "kind": "CHAT_MODEL",
            "in": ["user: How warm?"],
            "model": "gpt-5",
            "tokens": [100, 20, 40, None, 5],
            "session": "s-1",
        },
        scope="codex_otel",
        events=[
            ("codex.user_prompt", {"prompt": "How warm?"}),
            ("codex.sse_event", {"input_token_count": "60", "output_token_count": 10, "cached_token_count": 40}),
            ("codex.sse_event", {"input_token_count": 40, "output_token_count": 10, "reasoning_token_count": 5}),
        ],
    ),
    "a tool": Sent(
        {"conversation.id": "s-1", "tool_name": "shell", "arguments": {"command": "ls"}, "output": "a.py"},
        {"kind": "TOOL", "tool": "shell", "inputs": {"command": "ls"}, "outputs": "a.py"},
        name="codex.tool",
    ),
}
GEMINI_CLI = {
    "a call": Sent(
        {
            "gen_ai.operation.name": "llm_call",
            "gen_ai.request.model": "gemini-2.5-pro",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"text": "How warm?"}]}],
            "gen_ai.output.messages": [
                {"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": True}, {"text": "21"}]}}]}
            ],
            "gen_ai.system_instructions": '[{"text": "Be brief"}]',
            "gen_ai.tool.definitions": [{"functionDeclarations": [{"name": "weather"}]}],
        },
        {
            "kind": "CHAT_MODEL",
            "in": ["user: How warm?"],
            "out": ["assistant: (Hm.) | 21"],
            "system": ["Be brief"],
            "tools": ["weather"],
        },
    ),
    "a tool": Sent(
        {
            "gen_ai.operation.name": "tool_call",
            "gen_ai.tool.name": "weather",
            "gen_ai.input.messages": {"name": "weather", "args": {"city": "Oslo"}},
            "gen_ai.output.messages": {"llmContent": "21"},
        },
        {
            "kind": "TOOL",
            "inputs": {"name": "weather", "args": {"city": "Oslo"}},
            "outputs": {"llmContent": "21"},
            "in": [],
        },
    ),
}
LAMINAR = {
    "a call": Sent(
        {
            "lmnr.span.type": "LLM",
            "lmnr.span.input": ASKED,
            "lmnr.span.output": REPLY,
            "lmnr.association.properties.session_id": "s-1",
            "lmnr.association.properties.user_id": "ann",
            "lmnr.association.properties.tags": ["prod"],
            "lmnr.association.properties.metadata.k": "v",
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": ["assistant: 21"],
            "session": "s-1",
            "user": "ann",
            "tags": ["prod"],
            "metadata": {"k": "v"},
        },
    ),
    "a tool": Sent(
        {"lmnr.span.type": "TOOL", "lmnr.span.input": {"city": "Oslo"}, "lmnr.span.output": '"21"'},
        {"kind": "TOOL", "inputs": {"city": "Oslo"}, "outputs": "21"},
    ),
}
LIVEKIT = {
    "a call": Sent(
        {
            "lk.chat_ctx": {
                "items": [
                    {"type": "message", "role": "system", "content": ["Be brief"]},
                    {"type": "message", "role": "user", "content": ["How warm?"]},
                    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'},
                    {"type": "function_call_output", "call_id": "c1", "output": "21"},
                ]
            },
            "lk.response.text": "21",
            "lk.response.ttft": 0.25,
        },
        {
            "kind": "CHAT_MODEL",
            "in": [*ASKED_SEEN, CALL_SEEN, "tool: #c1 = 21"],
            "out": ["assistant: 21"],
            "first_chunk": 0.25,
        },
        name="llm_request",
    ),
    "a tool": Sent(
        {
            "lk.function_tool.name": "weather",
            "lk.function_tool.arguments": {"city": "Oslo"},
            "lk.function_tool.output": "21",
        },
        {"kind": "TOOL", "name": "weather", "inputs": {"city": "Oslo"}, "outputs": "21"},
        name="function_tool",
    ),
}
VOLTAGENT = {
    "a call": Sent(
        {
            "entity.type": "agent",
            "span.type": "llm",
            "llm.messages": ASKED,
            "llm.model": "gpt-4o-mini",
            "output": "21",
            "llm.usage.prompt_tokens": 100,
            "llm.usage.completion_tokens": 20,
            "llm.usage.cached_tokens": 40,
            "llm.usage.reasoning_tokens": 5,
            "conversation.id": "s-1",
            "user.id": "ann",
        },
        {
            "kind": "CHAT_MODEL",
            "in": ASKED_SEEN,
            "out": ["assistant: 21"],
            "model": "gpt-4o-mini",
            "tokens": TOKENS,
            "cost": COST,
            "session": "s-1",
            "user": "ann",
        },
    ),
    "an agent": Sent(
        {"entity.type": "agent", "agent.messages": ASKED, "input": "How warm?", "output": "21"},
        {"kind": "AGENT", "in": ASKED_SEEN, "inputs": "How warm?", "outputs": "21", "previews": ["How warm?", "21"]},
    ),
    "a tool": Sent(
        {"entity.type": "agent", "span.type": "tool", "tool.name": "weather", "input": {"city": "Oslo"}},
        {"kind": "TOOL", "tool": "weather", "inputs": {"city": "Oslo"}},
    ),
}
GENKIT = {
    "a call": Sent(
        {
            "genkit:name": "googleai/gemini-2.0-flash",
            "genkit:type": "action",
            "genkit:metadata:subtype": "model",
            "genkit:input": {
                "messages": [
                    {"role": "system", "content": [{"text": "Be brief"}]},
                    {"role": "user", "content": [{"text": "How warm?"}]},
                    {"role": "tool", "content": [{"toolResponse": {"ref": "c1", "name": "weather", "output": 21}}]},
                ],
                "tools": [{"name": "weather", "inputSchema": {"type": "object"}}],
            },
            "genkit:output": {
                "message": {
                    "role": "model",
                    "content": [{"toolRequest": {"ref": "c1", "name": "weather", "input": {"city": "Oslo"}}}],
                },
                "finishReason": "stop",
                "usage": {"inputTokens": 100, "outputTokens": 20},
            },
        },
        {
            "kind": "CHAT_MODEL",
            "in": [*ASKED_SEEN, "tool: #c1 = 21"],
            "out": [CALL_SEEN],
            "tools": ["weather"],
            "model": "gemini-2.0-flash",
            "provider": "gcp.gemini",
            "tokens": [100, 20, None, None, None],
            "cost": 0.000018,
            "reasons": ["stop"],
        },
    ),
    "a flow": Sent(
        {"genkit:name": "forecast", "genkit:type": "flow", "genkit:input": '"Oslo"', "genkit:sessionId": "s-1"},
        {"kind": "WORKFLOW", "inputs": "Oslo", "session": "s-1"},
    ),
}
GENAI = {
    "OpenLIT": Sent(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.content.prompt": "system: Be brief\nuser: How warm?",
            "gen_ai.content.completion": "21",
            "gen_ai.usage.cost": 0.5,
            "gen_ai.server.ttft": 0.25,
        },
        {"in": ASKED_SEEN, "out": ["assistant: 21"], "cost": 0.5, "first_chunk": 0.25},
    ),
    "LiteLLM": Sent(
        {
            "gen_ai.operation.name": "chat",
            "llm.request.type": "completion",
            "gen_ai.system": "openai",
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "How warm?"}]},
                {"role": "tool", "parts": [{"type": "text", "content": "21"}], "tool_call_id": "c1"},
            ],
            "gen_ai.output.messages": [{"role": "assistant", "parts": []}],
            "gen_ai.completion.0.function_call.name": "weather",
            "gen_ai.completion.0.function_call.arguments": '{"city": "Oslo"}',
            "litellm.call_id": "x",
            "metadata.usage_object": str(OPENAI_USAGE),
            "gen_ai.cost.total_cost": 0.5,
            "gen_ai.cost.input_cost": 0.2,
            "gen_ai.cost.output_cost": 0.3,
            "llm.user": "ann",
        },
        {
            "kind": "CHAT_MODEL",
            "in": ["user: How warm?", "tool: #c1 = 21"],
            "out": ['assistant: weather{"city": "Oslo"}#None'],
            "tokens": TOKENS,
            "cost": 0.5,
            "user": "ann",
        },
    ),
    "messages with calls beside their parts": Sent(
        {"gen_ai.input.messages": [{"role": "assistant", "parts": [], "tool_calls": [CALL]}]},
        {"in": [CALL_SEEN]},
    ),
    "a cost of nothing": Sent(
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.cost": 0.0,
            "gen_ai.usage.cache_read_input_tokens": 40,
            **MINI,
            **COUNTED,
        },
        {"cost": COST},
    ),
    "Anthropic's own": Sent(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_creation.input_tokens": 40,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 40,
            "anthropic.message.stop_reason": "end_turn",
        },
        {
            "tokens": [100, 20, None, 40, None],
            "cost": 60 * 3e-6 + 40 * 6e-6 + 20 * 15e-6,
            "reasons": ["end_turn"],
        },
    ),
    "a provider that the prices do not know": Sent(
        {"gen_ai.provider.name": "microsoft.agent_framework", "gen_ai.usage.cache_read.input_tokens": 40}
        | MINI
        | COUNTED,
        {"cost": COST},
    ),
    "bare attributes": Sent(
        {"gen_ai.operation.name": "chat", "input": ASKED, "output": "21"},
        {"in": ASKED_SEEN, "out": ["assistant: 21"]},
    ),
    "bare values": Sent({"input": "How warm?", "output": {"a": 1}}, {"inputs": "How warm?", "outputs": {"a": 1}}),
}
CONTENTS = "llm.output_messages.0.message"
OPENINFERENCE = {
    "a request of LlamaIndex that is made ready": Sent(
        {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"},
        {"kind": "CHAIN", "model": None},
        name="OpenAI._prepare_chat_with_tools",
        scope="openinference.instrumentation.llama_index",
    ),
    "a workflow of LlamaIndex": Sent(
        {
            "openinference.span.kind": "CHAIN",
            "input.value": '{"init_state": {"is_running": false}, "start_event": "StartEvent()"}',
            "input.mime_type": "application/json",
            "output.value": "StopEvent(result=AgentOutput(…))",
        },
        {"kind": "CHAIN", "inputs": None, "outputs": None, "previews": [None, None]},
    ),
    "a call and its content": Sent(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "How warm?",
            f"{CONTENTS}.role": "assistant",
            f"{CONTENTS}.contents.0.message_content.type": "text",
            f"{CONTENTS}.contents.0.message_content.text": "Let me look.",
            f"{CONTENTS}.contents.1.message_content.type": "tool_use",
            f"{CONTENTS}.tool_calls.0.tool_call.id": "c1",
            f"{CONTENTS}.tool_calls.0.tool_call.function.name": "weather",
            f"{CONTENTS}.tool_calls.0.tool_call.function.arguments": '{"city": "Oslo"}',
            "llm.cost.total": 0.5,
            "llm.cost.prompt": 0.2,
            "llm.cost.completion": 0.3,
        },
        {"out": ['assistant: Let me look. | weather{"city": "Oslo"}#c1'], "cost": 0.5},
    ),
    "a call within the contents": Sent(
        {
            "openinference.span.kind": "LLM",
            f"{CONTENTS}.role": "assistant",
            f"{CONTENTS}.contents.0.message_content.type": "tool_use",
            f"{CONTENTS}.contents.0.tool_call.id": "c1",
            f"{CONTENTS}.contents.0.tool_call.function.name": "weather",
            f"{CONTENTS}.contents.0.tool_call.function.arguments": '{"city": "Oslo"}',
        },
        {"out": [CALL_SEEN]},
    ),
    "a tool of LangChain": Sent(
        {
            "openinference.span.kind": "TOOL",
            "input.value": '{"city": "Oslo"}',
            "input.mime_type": "application/json",
            "output.value": {"type": "tool", "data": {"content": "21", "tool_call_id": "c1"}},
            "output.mime_type": "application/json",
        },
        {"kind": "TOOL", "inputs": {"city": "Oslo"}, "outputs": "21"},
    ),
    "a message that says nothing": Sent(
        {
            "openinference.span.kind": "CHAIN",
            "llm.input_messages.0.message.role": "user",
            "input.value": "How warm?",
            "output.value": {
                "messages": [
                    {"type": "human", "data": {"content": "How warm?"}},
                    {"type": "ai", "data": {"content": "It is 21."}},
                ]
            },
            "output.mime_type": "application/json",
        },
        {"kind": "CHAIN", "in": [], "inputs": "How warm?", "previews": ["How warm?", "It is 21."]},
    ),
}
TRACELOOP = {
    "a summary": Sent(
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.reasoning": '[{"text": "Hm.", "type": "summary_text"}]',
            "gen_ai.completion.0.content": "21",
        },
        {"out": ["assistant: (Hm.) | 21"]},
    ),
}
SUM = {
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 900,
    "gen_ai.usage.output_tokens": 90,
    "gen_ai.usage.total_tokens": 990,
}
NO_SUM = {"tokens": [None] * 5, "cost": None, "model": None}
SUMS = {
    "an agent of Strands": Sent(
        {"gen_ai.operation.name": "invoke_agent", **SUM}, {"kind": "AGENT", **NO_SUM}, scope="strands.telemetry.tracer"
    ),
    "an agent of the Agent Framework": Sent(
        {"gen_ai.operation.name": "invoke_agent", **SUM}, {"kind": "AGENT", **NO_SUM}, scope="agent_framework"
    ),
    "an agent of smolagents": Sent(
        {"openinference.span.kind": "AGENT", "llm.token_count.prompt": 900, "llm.token_count.completion": 90},
        {"kind": "AGENT", **NO_SUM},
        scope="openinference.instrumentation.smolagents",
    ),
    "a call of Strands": Sent(
        {"gen_ai.operation.name": "chat", **SUM},
        {"kind": "CHAT_MODEL", "tokens": [900, 90, None, None, None], "model": "gpt-4o-mini"},
        scope="strands.telemetry.tracer",
    ),
    "an agent whose calls may have no spans": Sent(
        {"gen_ai.operation.name": "invoke_agent", **SUM},
        {"kind": "AGENT", "tokens": [900, 90, None, None, None], "model": "gpt-4o-mini"},
    ),
}
SEMANTIC_KERNEL = {
    "a loop": Sent({"sk.available_functions": "weather"}, {"kind": "CHAIN"}, name="AutoFunctionInvocationLoop"),
    "a call": Sent(
        {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reason": "FinishReason.TOOL_CALLS"},
        {"kind": "CHAT_MODEL", "reasons": ["tool_calls"]},
    ),
}
DIALECTS = {
    "sums": SUMS,
    "semantic-kernel": SEMANTIC_KERNEL,
    "langfuse": LANGFUSE,
    "vercel": VERCEL,
    "langsmith": LANGSMITH,
    "mlflow": MLFLOW,
    "adk": ADK,
    "logfire": LOGFIRE,
    "strands": STRANDS,
    "spring": SPRING,
    "claude code": CLAUDE_CODE,
    "codex": CODEX,
    "gemini cli": GEMINI_CLI,
    "laminar": LAMINAR,
    "livekit": LIVEKIT,
    "voltagent": VOLTAGENT,
    "genkit": GENKIT,
    "genai": GENAI,
    "openinference": OPENINFERENCE,
    "traceloop": TRACELOOP,
}
CASES = [
    pytest.param(case, id=f"{dialect}: {name}") for dialect, cases in DIALECTS.items() for name, case in cases.items()
]


@pytest.mark.parametrize("case", CASES)
def test_a_span_shows_as_our_own_would(case: Sent, server_url: str, client: httpx.Client) -> None:
    send(server_url, case)

    found = seen(client)

    expected: dict[str, Any] = {
        key: pytest.approx(value) if key == "cost" and value is not None else value for key, value in case.seen.items()
    }
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_what_was_said_is_left_where_no_content_is_recorded(case: Sent) -> None:
    record: Any = {
        "kind": "span",
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": case.name,
        "scope": case.scope,
        "start": START,
        "attributes": {
            key: value if is_primitive(value) else json.dumps(value) for key, value in case.attributes.items()
        },
        "events": [{"name": name, "time": START, "attributes": dict(given)} for name, given in case.events],
    }

    translate(record)
    drop_content(record)

    assert [word for word in ("How warm", "Be brief", "Oslo", "It is 21", "Hm.", "Tram") if word in str(record)] == []


SAID = (
    *("gen_ai.tool.message", "gen_ai.prompt.x.content", "gen_ai.agent.description", "gen_ai.output.text", "my.own"),
    *("gen_ai.request.system_prompt", "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "error.message"),
    *("gen_ai.evaluation.explanation", "gen_ai.input.messages", "tracer.inputs"),
)
KEPT = {
    "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.request.choice.count": 2,
    "gen_ai.tool.call.id": "call_1", "gen_ai.agent.name": "planner", "gen_ai.usage.new_tokens": 7,
    "gen_ai.response.finish_reasons": ["stop"], "error.type": "timeout",
}  # fmt: skip


def test_text_under_a_name_that_may_hold_what_was_said_is_dropped_where_no_content_is_recorded() -> None:
    record: Any = {
        "kind": "span",
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": "step",
        "start": START,
        "attributes": {**dict.fromkeys(SAID, "How warm is it?"), **KEPT},
        "links": [{"trace_id": "3" * 32, "span_id": "4" * 16, "attributes": {"question": "How warm is it?"}}],
    }

    drop_content(record)

    assert record["attributes"] == KEPT
    assert record["links"] == [{"trace_id": "3" * 32, "span_id": "4" * 16, "attributes": {}}]

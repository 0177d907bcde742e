"""The Vercel AI SDK (versions 4 to 6): ``ai.prompt``, ``ai.response.text``, ``ai.toolCall.args``.

Source: the page "Telemetry" of the AI SDK's documentation.
"""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.bodies import put_request, put_usage
from tracer.dialects.dialect import Dialect
from tracer.dialects.normal import messages_of, tools_of
from tracer.dialects.reading import Reading, parsed, text_of
from tracer.semconv import SpanType

_METADATA = "ai.telemetry.metadata."
_PROVIDERS = {
    "google": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "amazon-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "xai": "x_ai",
    "mistral": "mistral_ai",
}


def read(reading: Reading) -> None:
    """Read the attributes of the AI SDK."""
    operation = str(reading.get("ai.operationId") or reading.name.partition(" ")[0])
    kind = _kind(operation)
    reading.is_a(kind)
    if kind == SpanType.TOOL:
        _tool(reading)
    elif kind == SpanType.EMBEDDING:
        _embedding(reading)
    else:
        _call(reading)
    is_model_call = operation.rpartition(".")[2].startswith("do")
    if is_model_call or kind == SpanType.EMBEDDING:  # other steps repeat the counts of one of their calls
        put_usage(reading, _usage(reading))
    _model(reading)
    reading.first_chunk_after(reading.take("ai.response.msToFirstChunk"), unit=1e-3)
    name = reading.get("ai.telemetry.functionId")
    if isinstance(name, str) and name and not is_model_call and kind != SpanType.TOOL:
        reading.name = name
    _about_trace(reading)


def _kind(operation: str) -> str | None:
    if operation == "ai.toolCall":
        return SpanType.TOOL
    if operation.startswith("ai.embed"):
        return SpanType.EMBEDDING
    if operation.endswith((".doGenerate", ".doStream")):
        return SpanType.CHAT_MODEL
    return SpanType.AGENT if operation.startswith(("ai.generate", "ai.stream")) else None


def _tool(reading: Reading) -> None:
    name = reading.get("ai.toolCall.name")
    if isinstance(name, str) and name:
        reading.put_plain(semconv.TOOL_NAME, name)
        reading.name = name
    reading.put(semconv.INPUTS, reading.take_first("ai.toolCall.args", "ai.toolCall.input"))
    reading.put(semconv.OUTPUTS, reading.take_first("ai.toolCall.result", "ai.toolCall.output"))


def _embedding(reading: Reading) -> None:
    for key, names in (
        (semconv.INPUTS, ("ai.value", "ai.values")),
        (semconv.OUTPUTS, ("ai.embedding", "ai.embeddings")),
    ):
        value = reading.take_first(*names)
        reading.put(key, [parsed(item) for item in value] if isinstance(value, list) else value)


def _call(reading: Reading) -> None:
    reading.put(semconv.INPUT_MESSAGES, messages_of(reading.take("ai.prompt.messages"), "user"))
    whole = reading.take_first("ai.prompt")
    if whole is not None:
        put_request(reading, whole)
    reading.put(semconv.TOOL_DEFINITIONS, tools_of(reading.take("ai.prompt.tools")))
    text = reading.take_first("ai.response.text", "ai.result.text")
    structured = reading.take_first("ai.response.object", "ai.result.object")
    reply = {
        "role": "assistant",
        "reasoning": reading.take_first("ai.response.reasoning"),
        "content": _text(text if structured is None else structured),
        "tool_calls": reading.take_first("ai.response.toolCalls", "ai.result.toolCalls"),
        "finish_reason": reading.take_first("ai.response.finishReason", "ai.finishReason"),
    }
    if any(reply[name] for name in ("reasoning", "content", "tool_calls")):
        reading.put(semconv.OUTPUT_MESSAGES, messages_of([reply], "assistant"))
    if isinstance(reply["finish_reason"], str):
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reply["finish_reason"]])


def _text(value: object) -> object:
    return value if value is None else text_of(value)


def _usage(reading: Reading) -> JsonObject:
    given = reading.take_below("ai.usage.")
    inside = {key.partition(".")[2]: value for key, value in given.items() if key.startswith("inputTokenDetails.")}
    outside = {key.partition(".")[2]: value for key, value in given.items() if key.startswith("outputTokenDetails.")}
    input_tokens = given.get("inputTokens", given.get("promptTokens", given.get("tokens")))
    return {**given, "inputTokens": input_tokens, "inputTokenDetails": inside, "outputTokenDetails": outside}


def _model(reading: Reading) -> None:
    reading.put_text(semconv.REQUEST_MODEL, reading.get("ai.model.id"))
    reading.put_text(semconv.RESPONSE_MODEL, reading.get("ai.response.model"))
    reading.put_text(semconv.RESPONSE_ID, reading.get("ai.response.id"))
    given = reading.take("gen_ai.system") or reading.get("ai.model.provider")
    if isinstance(given, str) and given:
        seller = given.lower().partition(".")[0]
        reading.put_plain(semconv.PROVIDER, _PROVIDERS.get(seller, seller))


def _about_trace(reading: Reading) -> None:
    given = reading.take_below(_METADATA)
    reading.belongs_to(
        session_id=given.pop("sessionId", None) or given.pop("threadId", None), user=given.pop("userId", None)
    )
    reading.tagged(given.pop("tags", None))
    reading.described(given)


DIALECT = Dialect("vercel", frozenset({"ai"}), read)

"""OpenTelemetry's GenAI conventions in their older forms: renamed attributes, and messages as events of the span.

Source: open-telemetry/semantic-conventions v1.27 to v1.41, gen-ai-spans and gen-ai-events.
"""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer._records.record import EventRecord
from tracer.dialects.reading import Reading, parsed
from tracer.messages import to_message
from tracer.semconv import SpanType

_RENAMED = {
    "gen_ai.system": semconv.PROVIDER,
    "gen_ai.usage.prompt_tokens": semconv.USAGE_INPUT,
    "gen_ai.usage.completion_tokens": semconv.USAGE_OUTPUT,
    "gen_ai.usage.total_tokens": semconv.USAGE_TOTAL,
    "llm.usage.total_tokens": semconv.USAGE_TOTAL,
    "gen_ai.usage.reasoning_tokens": semconv.USAGE_REASONING,
    "llm.usage.reasoning_tokens": semconv.USAGE_REASONING,
    "gen_ai.usage.cache_read_input_tokens": semconv.USAGE_CACHE_READ,
    "gen_ai.usage.cache_creation_input_tokens": semconv.USAGE_CACHE_WRITE,
    "gen_ai.usage.cache_creation.input_tokens": semconv.USAGE_CACHE_WRITE,
    "gen_ai.is_streaming": semconv.REQUEST_STREAM,
    "gen_ai.openai.request.seed": semconv.REQUEST_SEED,
    "gen_ai.openai.request.service_tier": semconv.OPENAI_REQUEST_SERVICE_TIER,
    "gen_ai.openai.response.service_tier": semconv.OPENAI_RESPONSE_SERVICE_TIER,
    "gen_ai.openai.response.system_fingerprint": semconv.OPENAI_RESPONSE_FINGERPRINT,
    "gen_ai.openai.system_fingerprint": semconv.OPENAI_RESPONSE_FINGERPRINT,
}
_ASKED = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"
_CONTENT = {"gen_ai.content.prompt": "gen_ai.prompt", "gen_ai.content.completion": "gen_ai.completion"}
_DETAILS = "gen_ai.client.inference.operation.details"
_DETAIL_KEYS = (
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
)
_FIRST_CHUNK = frozenset(
    {"First Token Stream Event", "llm.content.completion.chunk", "gen_ai.content.completion.chunk"}
)
_TYPES = {
    "chat": SpanType.CHAT_MODEL,
    "generate_content": SpanType.CHAT_MODEL,
    "text_completion": SpanType.LLM,
    "embeddings": SpanType.EMBEDDING,
    "retrieval": SpanType.RETRIEVER,
    "execute_tool": SpanType.TOOL,
    "create_agent": SpanType.AGENT,
    "invoke_agent": SpanType.AGENT,
    "invoke_workflow": SpanType.WORKFLOW,
}
_PROVIDERS = {"azure": "azure.ai.openai", "az.ai.openai": "azure.ai.openai", "vertexai": "gcp.vertex_ai"}
_WHOLE = {"gen_ai.prompt": semconv.INPUT_MESSAGES, "gen_ai.completion": semconv.OUTPUT_MESSAGES}


def read(reading: Reading) -> None:
    """Read the older forms of the conventions."""
    attributes = reading.attributes
    for old, new in _RENAMED.items():
        reading.rename(old, new)
    provider = attributes.get(semconv.PROVIDER)
    if isinstance(provider, str):
        attributes[semconv.PROVIDER] = _PROVIDERS.get(provider.lower(), provider.lower())
    reading.is_a(_TYPES.get(str(attributes.get(semconv.OPERATION))))
    if reading.events:
        _first_chunk(reading)
        _events(reading)
    for key, target in _WHOLE.items():  # one attribute with all messages as JSON
        if key in attributes:
            reading.put(target, _messages(reading.take(key), key))
    reading.put(semconv.INPUTS, parsed(reading.take("gen_ai.tool.call.arguments")))
    reading.put(semconv.OUTPUTS, parsed(reading.take("gen_ai.tool.call.result")))
    reading.belongs_to(
        session_id=attributes.get(semconv.CONVERSATION_ID) or attributes.get("session.id"),
        user=attributes.get("user.id") or attributes.get("enduser.id") or attributes.get("gen_ai.user"),
    )


def _first_chunk(reading: Reading) -> None:
    times = [event.get("time", 0) for event in reading.events if event.get("name") in _FIRST_CHUNK]
    if times and min(times) >= reading.start:
        reading.put_plain(semconv.TIME_TO_FIRST_CHUNK, (min(times) - reading.start) / 1e9)


def _events(reading: Reading) -> None:
    asked: list[object] = []
    replied: list[object] = []
    left: list[EventRecord] = []
    for event in reading.events:
        name, attributes = event.get("name"), event.get("attributes") or {}
        if name in _ASKED:
            asked.append(_message(attributes, _ASKED[name]))
        elif name == _CHOICE:
            replied.append(_choice(attributes))
        elif name in _CONTENT and _CONTENT[name] in attributes:
            side = replied if name.endswith("completion") else asked
            side.extend(_messages(attributes[_CONTENT[name]], _CONTENT[name]))
        elif name == _DETAILS:
            for key in _DETAIL_KEYS:
                reading.put(key, parsed(attributes.get(key)))
        else:
            left.append(event)
    reading.all_messages(asked, replied)
    reading.events = left


def _message(attributes: JsonObject, role: str) -> JsonObject:
    """A message from an event's attributes; other producers put the whole body into one of them."""
    body = parsed(attributes.get("event.body", attributes.get("body")))
    given = {**attributes, **body} if isinstance(body, dict) else attributes
    message = {
        "role": given.get("role") or role,
        "content": parsed(given.get("content")) if _is_parts(given.get("content")) else given.get("content"),
        "tool_calls": parsed(given.get("tool_calls")),
        "tool_call_id": given.get("tool_call_id") or given.get("id"),
        "finish_reason": given.get("finish_reason"),
    }
    return to_message({key: value for key, value in message.items() if value is not None})


def _is_parts(content: object) -> bool:
    parts = parsed(content)
    return isinstance(parts, list) and all(isinstance(part, dict) and "type" in part for part in parts)


def _choice(attributes: JsonObject) -> JsonObject:
    body = parsed(attributes.get("event.body", attributes.get("body")))
    given = {**attributes, **body} if isinstance(body, dict) else dict(attributes)
    inner = parsed(given.get("message"))
    if isinstance(inner, dict):
        given = {**given, **inner}
    elif isinstance(inner, str):
        given["content"] = inner
    given.pop("id", None)
    return _message(given, "assistant")


def _messages(value: object, key: str) -> list[JsonObject]:
    role = "assistant" if key.endswith("completion") else "user"
    found = parsed(value)
    if isinstance(found, dict) and isinstance(found.get("messages"), list):
        found = found["messages"]
    if not isinstance(found, list):
        found = [found]
    return [
        to_message(item if isinstance(item, dict) and "role" in item else {"role": role, "content": value})
        for item in found
    ]

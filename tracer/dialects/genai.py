"""OpenTelemetry's GenAI conventions in their older forms: renamed attributes, and messages as events of the span.

Source: open-telemetry/semantic-conventions v1.27 to v1.41, gen-ai-spans and gen-ai-events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracer import semconv
from tracer._json import JsonObject
from tracer._parts import part_of
from tracer._records.record import EventRecord
from tracer.dialects.bodies import put_reply, put_request, reply_messages
from tracer.dialects.dialect import Dialect, Log
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading, parsed
from tracer.messages import Message, to_message
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
    "gen_ai.usage.details.reasoning_tokens": semconv.USAGE_REASONING,
    "gen_ai.usage.details.cache_read_tokens": semconv.USAGE_CACHE_READ,
    "gen_ai.usage.details.cache_write_tokens": semconv.USAGE_CACHE_WRITE,
    "gen_ai.usage.cache_write_input_tokens": semconv.USAGE_CACHE_WRITE,
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": semconv.USAGE_CACHE_WRITE_1H,
    "gen_ai.response.finish_reason": semconv.RESPONSE_FINISH_REASONS,
    "anthropic.message.stop_reason": semconv.RESPONSE_FINISH_REASONS,
    "gen_ai.openai.request.seed": semconv.REQUEST_SEED,
    "gen_ai.openai.request.service_tier": semconv.OPENAI_REQUEST_SERVICE_TIER,
    "gen_ai.openai.response.service_tier": semconv.OPENAI_RESPONSE_SERVICE_TIER,
    "gen_ai.openai.response.system_fingerprint": semconv.OPENAI_RESPONSE_FINGERPRINT,
    "gen_ai.openai.system_fingerprint": semconv.OPENAI_RESPONSE_FINGERPRINT,
}
_OLD_NAMES = frozenset(_RENAMED)
# USD: total, input, output
_COSTS = (
    ("gen_ai.cost.total_cost", "gen_ai.cost.input_cost", "gen_ai.cost.output_cost"),  # LiteLLM
    ("llm.cost.total", "llm.cost.prompt", "llm.cost.completion"),  # OpenInference
    ("gen_ai.usage.cost", "", ""),  # OpenLIT
    ("gen_ai.usage.total_cost", "gen_ai.usage.input_cost", "gen_ai.usage.output_cost"),
    ("operation.cost", "", ""),  # Logfire, PydanticAI
)
_COST_NAMES = frozenset(name for names in _COSTS for name in names)
# seconds, but for Strands, which sends milliseconds
_FIRST_CHUNK_TIMES = (
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.server.ttft",
)
_ASKED = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"
_BODIES = ("event.body", "body", "gen_ai.event.content")
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
    **dict.fromkeys(("embeddings", "embedding"), SpanType.EMBEDDING),
    "retrieval": SpanType.RETRIEVER,
    "execute_tool": SpanType.TOOL,
    "rerank": SpanType.RERANKER,
    "execute_event_loop_cycle": SpanType.CHAIN,  # Strands
    "create_agent": SpanType.AGENT,
    "invoke_agent": SpanType.AGENT,
    "invoke_workflow": SpanType.WORKFLOW,
}
_PROVIDERS = {"azure": "azure.ai.openai", "az.ai.openai": "azure.ai.openai", "vertexai": "gcp.vertex_ai"}
# attributes with all messages
_WHOLE_REQUESTS = ("gen_ai.prompt", "gen_ai.content.prompt")
_WHOLE_REPLIES = ("gen_ai.completion", "gen_ai.content.completion")
_SESSION = (semconv.CONVERSATION_ID, "session.id")
_USER = ("user.id", "enduser.id", "gen_ai.user", "llm.user", "metadata.user_api_key_end_user_id")
_ROLE_LINE = re.compile(r"^(system|developer|user|assistant|tool): ?", re.MULTILINE | re.IGNORECASE)


def read(reading: Reading) -> None:
    """Read the older forms of the conventions."""
    attributes = reading.attributes
    if not _OLD_NAMES.isdisjoint(attributes):
        for old, new in _RENAMED.items():
            reading.rename(old, new)
    provider = attributes.get(semconv.PROVIDER)
    if isinstance(provider, str):
        attributes[semconv.PROVIDER] = _PROVIDERS.get(provider.lower(), provider.lower())
    operation = attributes.get(semconv.OPERATION, reading.name if reading.scope.startswith("strands") else None)
    reading.is_a(_TYPES.get(str(operation)))
    if reading.events:
        _first_chunk(reading)
        _events(reading)
    for key in _WHOLE_REQUESTS:
        if key in attributes:
            put_request(reading, _whole(reading.take(key)))
    for key in _WHOLE_REPLIES:
        if key in attributes:
            put_reply(reading, _whole(reading.take(key)))
    if not _COST_NAMES.isdisjoint(attributes):
        for total, asked, replied in _COSTS:
            reading.cost(attributes.get(total), attributes.get(asked), attributes.get(replied))
    for key in _FIRST_CHUNK_TIMES:
        if key in attributes:
            reading.first_chunk_after(reading.take(key), unit=1e-3 if reading.scope.startswith("strands") else 1.0)
    reading.put(semconv.INPUTS, parsed(reading.take("gen_ai.tool.call.arguments")))
    reading.put(semconv.OUTPUTS, parsed(reading.take("gen_ai.tool.call.result")))
    reading.belongs_to(session_id=_first(attributes, _SESSION), user=_first(attributes, _USER))


def _first(attributes: JsonObject, keys: tuple[str, ...]) -> object:
    return next((attributes[key] for key in keys if attributes.get(key)), None)


def _first_chunk(reading: Reading) -> None:
    times = [event.get("time", 0) for event in reading.events if event.get("name") in _FIRST_CHUNK]
    if times and min(times) >= reading.start:
        reading.put_plain(semconv.TIME_TO_FIRST_CHUNK, (min(times) - reading.start) / 1e9)


def _events(reading: Reading) -> None:
    asked: list[Message] = []
    replied: list[Message] = []
    left: list[EventRecord] = []
    for event in reading.events:
        name, attributes = event.get("name"), event.get("attributes") or {}
        if name in _ASKED:
            asked.append(_message(attributes, _ASKED[name]))
        elif name == _CHOICE:
            replied.append(_choice(attributes))
        elif name in _CONTENT and _CONTENT[name] in attributes:
            body = _whole(attributes[_CONTENT[name]])
            if name.endswith("completion"):
                replied.extend(reply_messages(body))
            else:
                asked.extend(messages_of(body, "user"))
        elif name == _DETAILS:
            for key in _DETAIL_KEYS:
                reading.put(key, parsed(attributes.get(key)))
            for key, value in attributes.items():
                if key.startswith("gen_ai.") and key not in _DETAIL_KEYS and not isinstance(value, dict):
                    reading.put_plain(key, value)
            reading.is_a(_TYPES.get(str(attributes.get(semconv.OPERATION))))
        else:
            left.append(event)
    reading.events = left
    if reading.span_type == SpanType.TOOL:  # the messages of a tool are its arguments and its result
        reading.put(semconv.INPUTS, _value_in(asked))
        reading.put(semconv.OUTPUTS, _value_in(replied))
        return
    reading.all_messages(asked, replied)
    reasons = [message["finish_reason"] for message in replied if isinstance(message.get("finish_reason"), str)]
    if reasons:
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, reasons)


def _value_in(messages: list[Message]) -> object:
    """A tool's arguments or result: the value in a message, parsed where it is JSON text."""
    for part in (part for message in messages for part in message["parts"]):
        value = part.get("response", part.get("content"))
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "content" in value[0]:
            value = value[0]["content"]
        if value is not None:
            return parsed(value)
    return None


def _message(attributes: JsonObject, role: str) -> Message:
    """A message from an event's attributes; other producers put the whole body into one of them."""
    given = _with_body(attributes)
    message = {
        "role": given.get("role") or role,
        "content": blocks_of(given.get("content")),
        "parts": given.get("parts"),
        "tool_calls": parsed(given.get("tool_calls")),
        "tool_call_id": given.get("tool_call_id") or given.get("id"),
        "finish_reason": given.get("finish_reason"),
    }
    return to_message({key: value for key, value in message.items() if value is not None})


def _with_body(attributes: JsonObject) -> JsonObject:
    """The attributes of an event with the fields of its body, which log records have beside them."""
    body = parsed(next((attributes[key] for key in _BODIES if attributes.get(key) is not None), None))
    return {**attributes, **body} if isinstance(body, dict) else dict(attributes)


def _choice(attributes: JsonObject) -> Message:
    given = _with_body(attributes)
    inner = parsed(given.get("message"))
    if isinstance(inner, dict):
        given = {**given, **inner}
    elif inner is not None:
        given["content"] = inner
    given.pop("id", None)
    return _message(given, "assistant")


def blocks_of(content: object) -> object:
    """The blocks of a content that is JSON text of them; a text that happens to be other JSON stays the text it is."""
    found = parsed(content)
    if isinstance(found, list) and found and all(isinstance(each, dict) for each in found):
        return found if all(part_of(each)["type"] != "json" for each in found) else content
    return content


def _whole(value: object) -> object:
    """A request or a reply in one attribute: JSON, or lines that begin with the names of roles."""
    found = parsed(value)
    if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
        return [message for text in found for message in _by_role(text)]
    return _by_role(found) if isinstance(found, str) and _ROLE_LINE.match(found) else found


def _by_role(text: str) -> list[object]:
    places = list(_ROLE_LINE.finditer(text))
    if not places or places[0].start():
        return [text]
    ends = [place.start() for place in places[1:]] + [len(text)]
    return [
        {"role": place[1].lower(), "content": text[place.end() : end].removesuffix("\n")}
        for place, end in zip(places, ends)
    ]


def read_log(log: Log, noted: JsonObject) -> Iterator[JsonObject]:
    """The messages of a call, in log records of the call's span."""
    if log.span_id and (log.name in _ASKED or log.name in (_CHOICE, _DETAILS) or log.name in _CONTENT):
        yield log.of_span(log.trace_id, log.span_id, event=log.event())


_PREFIXES = frozenset({"gen_ai", "llm", "session", "user", "enduser", "operation", "anthropic", "metadata"})
DIALECT = Dialect("genai", _PREFIXES, read, logs=frozenset({"gen_ai"}), read_log=read_log)

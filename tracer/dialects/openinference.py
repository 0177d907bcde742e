"""OpenInference (Arize Phoenix): indexed attributes such as ``llm.input_messages.0.message.content``.

Source: openinference-semantic-conventions 0.1, ``openinference.semconv.trace``.
"""

from __future__ import annotations

from typing import Any

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.bodies import result_of
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading, parsed
from tracer.messages import Message, to_message, to_tools

_RENAMED = {
    "llm.token_count.prompt": semconv.USAGE_INPUT,
    "llm.token_count.completion": semconv.USAGE_OUTPUT,
    "llm.token_count.total": semconv.USAGE_TOTAL,
    "llm.token_count.prompt_details.cache_read": semconv.USAGE_CACHE_READ,
    "llm.token_count.prompt_details.cache_write": semconv.USAGE_CACHE_WRITE,
    "llm.token_count.prompt_details.audio": semconv.USAGE_AUDIO_INPUT,
    "llm.token_count.completion_details.reasoning": semconv.USAGE_REASONING,
    "llm.token_count.completion_details.audio": semconv.USAGE_AUDIO_OUTPUT,
    "llm.request.model_name": semconv.REQUEST_MODEL,
    "llm.response.model_name": semconv.RESPONSE_MODEL,
    "llm.model_name": semconv.RESPONSE_MODEL,
    "embedding.model_name": semconv.REQUEST_MODEL,
    "reranker.model_name": semconv.REQUEST_MODEL,
    "llm.provider": semconv.PROVIDER,
    "llm.system": semconv.PROVIDER,
}
_REQUEST = {
    "model": semconv.REQUEST_MODEL,
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "max_completion_tokens": semconv.REQUEST_MAX_TOKENS,
    "seed": semconv.REQUEST_SEED,
    "stream": semconv.REQUEST_STREAM,
}
_OPERATIONS = {"CHAT_MODEL": "chat", "EMBEDDING": "embeddings", "TOOL": "execute_tool", "AGENT": "invoke_agent"}
_STATE_OF_LLAMA_INDEX = '{"init_state":'  # of its engine for workflows, in the place of the question
_MEDIA = ("image", "audio", "video", "document")


def read(reading: Reading) -> None:
    """Read the OpenInference attributes of a span."""
    attributes = reading.attributes
    kind = attributes.get("openinference.span.kind")
    asked, replied = reading.take_indexed("llm.input_messages"), reading.take_indexed("llm.output_messages")
    if not (asked or replied):
        asked, replied = _prompts(reading)
    reading.all_messages(_messages(asked), _messages(replied))
    if _is_preparation(reading):
        reading.is_a("CHAIN")
        reading.rename("llm.model_name", semconv.AGENT_MODEL)
    elif isinstance(kind, str):
        reading.is_a("CHAT_MODEL" if kind.upper() == "LLM" and asked else kind.upper())
        reading.put_plain(semconv.OPERATION, _OPERATIONS.get(reading.span_type or ""))
    reading.put(semconv.TOOL_DEFINITIONS, to_tools([_tool(tool) for tool in reading.take_indexed("llm.tools")]))
    if not str(attributes.get("input.value")).startswith(_STATE_OF_LLAMA_INDEX):
        reading.put(semconv.INPUTS, _value(reading, "input"))
        reading.put(semconv.OUTPUTS, result_of(_value(reading, "output")) or _documents(reading))
    for old, new in _RENAMED.items():
        reading.rename(old, new)
    _request(reading)
    if isinstance(attributes.get("llm.finish_reason"), str):
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reading.take("llm.finish_reason")])
    reading.belongs_to(session_id=attributes.get("session.id"), user=attributes.get("user.id"))
    if isinstance(attributes.get("tag.tags"), list):
        reading.tagged(attributes["tag.tags"])


def _is_preparation(reading: Reading) -> bool:
    """Whether LlamaIndex makes a request ready: it calls each method of a model's class the call of the model."""
    return reading.scope.endswith("llama_index") and "._prepare_" in reading.name


def _prompts(reading: Reading) -> tuple[list[object], list[object]]:
    """The texts of a completion that is no chat."""
    prompts = [_text_of(item, "prompt") for item in reading.take_indexed("llm.prompts")]
    choices = [_text_of(item, "completion") for item in reading.take_indexed("llm.choices")]
    return (
        [{"message": {"role": "user", "content": text}} for text in prompts if text],
        [{"message": {"role": "assistant", "content": text}} for text in choices if text],
    )


def _text_of(item: object, name: str) -> Any:
    inner = item.get(name) if isinstance(item, dict) else None
    return inner.get("text") if isinstance(inner, dict) else None


def _messages(items: list[object]) -> list[Message]:
    """Messages without the empty ones: LangGraph's state is sent so."""
    return [message for message in map(_message, items) if message["parts"]]


def _message(item: object) -> JsonObject:
    given = item.get("message", item) if isinstance(item, dict) else {}
    given = given if isinstance(given, dict) else {}
    message = {key: given[key] for key in ("role", "name", "tool_call_id", "finish_reason") if key in given}
    contents, has_calls = given.get("contents"), isinstance(given.get("tool_calls"), list)
    if isinstance(contents, list):
        message["content"] = [_content(content) for content in contents if not (has_calls and _is_call(content))]
    else:
        message["content"] = given.get("content")
    calls = given.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [call.get("tool_call", call) for call in calls if isinstance(call, dict)]
    elif "function_call_name" in given:
        arguments = given.get("function_call_arguments_json")
        message["function_call"] = {"name": given["function_call_name"], "arguments": arguments}
    return to_message(message)


def _is_call(item: object) -> bool:
    """Whether a content is a tool call, which the message has beside its contents."""
    content = item.get("message_content", item) if isinstance(item, dict) else {}
    return isinstance(content, dict) and content.get("type") == "tool_use"


def _content(item: object) -> JsonObject:
    content = item.get("message_content", item) if isinstance(item, dict) else item
    content = content if isinstance(content, dict) else {"text": str(content)}
    kind = content.get("type")
    if kind == "reasoning":
        return {"type": "thinking", "thinking": content.get("text") or ""}
    call = content.get("tool_call") or (item.get("tool_call") if isinstance(item, dict) else None)
    if isinstance(call, dict):
        return {"type": "tool_call", **call}
    for name in _MEDIA:
        # such as {"image": {"image": {"url": …}}}
        inner = content.get(name)
        inner = inner.get(name, inner) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("url"), str):
            if name == "image":
                return {"type": "image_url", "image_url": {"url": inner["url"]}}
            return {"type": "file", "file_url": inner["url"]}
    return {"type": "text", "text": content.get("text") or ""} if kind in (None, "text") else content


def _tool(item: object) -> Any:
    tool = item.get("tool", item) if isinstance(item, dict) else item
    return parsed(tool.get("json_schema", tool)) if isinstance(tool, dict) else parsed(tool)


def _value(reading: Reading, side: str) -> Any:
    value = reading.take(f"{side}.value")
    kind = reading.take(f"{side}.mime_type")
    return parsed(value) if kind == "application/json" else value


def _documents(reading: Reading) -> list[object]:
    found = [*reading.take_indexed("retrieval.documents"), *reading.take_indexed("reranker.output_documents")]
    return [item.get("document", item) for item in found if isinstance(item, dict)]


def _request(reading: Reading) -> None:
    given = parsed(reading.attributes.get("llm.invocation_parameters"))
    if isinstance(given, dict):
        for name, key in _REQUEST.items():
            if isinstance(given.get(name), (str, int, float)):
                reading.put_plain(key, given[name])


DIALECT = Dialect(
    "openinference", frozenset({"openinference", "llm", "embedding", "reranker", "retrieval", "input", "output"}), read
)

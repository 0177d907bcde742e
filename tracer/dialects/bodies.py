"""Requests and replies of any model's API, as instrumentations put them whole into an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer._parts import content_parts, part_of
from tracer.dialects.normal import messages_of, system_of, tools_of
from tracer.dialects.reading import Reading, as_dict, parsed
from tracer.messages import Message, to_message, to_messages

_MESSAGES = ("messages", "contents", "input", "prompt", "prompts", "chat_history")
_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction", "systemPrompt", "system_prompt")
_CONFIGS = ("config", "generationConfig", "generation_config", "inferenceConfig", "options")
_PARAMETERS: Mapping[str, str] = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    **dict.fromkeys(("top_p", "topP"), semconv.REQUEST_TOP_P),
    **dict.fromkeys(("top_k", "topK"), semconv.REQUEST_TOP_K),
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens", "maxOutputTokens"),
        semconv.REQUEST_MAX_TOKENS,
    ),
    **dict.fromkeys(("frequency_penalty", "frequencyPenalty"), semconv.REQUEST_FREQUENCY_PENALTY),
    **dict.fromkeys(("presence_penalty", "presencePenalty"), semconv.REQUEST_PRESENCE_PENALTY),
    "seed": semconv.REQUEST_SEED,
    "stream": semconv.REQUEST_STREAM,
}
_ITEMS = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
_REPLY_IDS = ("id", "responseId", "response_id")
_MODELS = ("model", "modelVersion", "model_version", "model_name", "modelId", "model_id")
_REASONS = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_USAGES = ("usage", "usageMetadata", "usage_metadata", "token_usage", "tokenUsage")


def is_request(value: object) -> bool:
    """Whether a value is a conversation, or a request with one."""
    body = parsed(value)
    if isinstance(body, dict):
        has_list = any(isinstance(body.get(key), list) for key in ("messages", "contents"))
        has_input = "model" in body and any(isinstance(body.get(key), (str, list)) for key in ("input", "prompt"))
        return has_list or has_input or _is_message(body)
    return isinstance(body, list) and bool(body) and all(map(_is_message, body))


def is_reply(value: object) -> bool:
    """Whether a value is the message or the reply of a model."""
    body = parsed(value)
    if isinstance(body, list):
        return bool(body) and all(_is_message(item) or _is_item(item) for item in body)
    if not isinstance(body, dict):
        return False
    output = body.get("output")
    if isinstance(output, dict):
        return "message" in output
    has_items = isinstance(output, list) and bool(output) and all(map(_is_item, output))
    has_choices = any(isinstance(body.get(key), list) for key in ("choices", "candidates", "generations"))
    return has_items or has_choices or _is_message(body)


def _is_message(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    has_content = "content" in value or "parts" in value or "tool_calls" in value
    return ("role" in value and has_content) or ("lc" in value and "kwargs" in value) or (
        value.get("type") in ("human", "ai", "system", "tool") and ("data" in value or "content" in value)
    )  # fmt: skip


def _is_item(value: object) -> bool:
    return isinstance(value, dict) and (value.get("type") in _ITEMS or str(value.get("type")).endswith("_call"))


def put_request(reading: Reading, value: object) -> None:
    """Put messages, instructions, tools, model and parameters of a request."""
    body = parsed(value)
    if not isinstance(body, dict) or _is_message(body):
        reading.put(semconv.INPUT_MESSAGES, messages_of(body, "user"))
        return
    config: JsonObject = {}
    for name in _CONFIGS:
        config.update(as_dict(body.get(name)))
    reading.put(semconv.INPUT_MESSAGES, messages_of(_first(body, _MESSAGES), "user"))
    reading.put(semconv.SYSTEM_INSTRUCTIONS, system_of(_first(body, _SYSTEM) or _first(config, _SYSTEM)))
    tools = _first(body, ("tools", "functions")) or as_dict(body.get("toolConfig")).get("tools") or config.get("tools")
    reading.put(semconv.TOOL_DEFINITIONS, tools_of(tools))
    reading.put_text(semconv.REQUEST_MODEL, _first(body, _MODELS))
    put_parameters(reading, {**config, **body})


def put_parameters(reading: Reading, value: object) -> None:
    """Put the parameters of a request, such as its temperature."""
    given = as_dict(value)
    for name, key in _PARAMETERS.items():
        found = given.get(name)
        if isinstance(found, (int, float)):
            reading.put_plain(key, found)


def put_reply(reading: Reading, value: object) -> None:
    """Put messages, finish reasons, model, id and tokens of a reply."""
    body = parsed(value)
    messages = reply_messages(body)
    reading.put(semconv.OUTPUT_MESSAGES, messages)
    reasons = [message["finish_reason"] for message in messages if isinstance(message.get("finish_reason"), str)]
    if reasons:
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, reasons)
    if isinstance(body, dict):
        reading.put_text(semconv.RESPONSE_MODEL, _first(body, _MODELS))
        reading.put_text(semconv.RESPONSE_ID, _first(body, _REPLY_IDS))
        output = as_dict(body.get("llm_output"))
        put_usage(reading, _first(body, _USAGES) or _first(output, _USAGES))


def reply_messages(body: object) -> list[Message]:
    """The messages of a reply: of one or several choices."""
    if isinstance(body, list):
        if body and all(map(_is_item, body)):
            return [_of_items(body)]
        if any(isinstance(item, dict) and not _REPLIES.keys().isdisjoint(item) for item in body):  # chunks of a stream
            return [message for item in body for message in reply_messages(item)]
        return messages_of(body, "assistant")
    if not isinstance(body, dict):
        return messages_of(body, "assistant")
    for key, convert in _REPLIES.items():
        if isinstance(body.get(key), list):
            return convert(body[key])
    reason = _first(body, _REASONS)
    output = body.get("output")
    if isinstance(output, dict) and isinstance(output.get("message"), dict):  # Bedrock's
        return [_ended(to_message(output["message"]), reason)]
    if isinstance(output, list) and output:
        return reply_messages(output)
    if _is_message(body) or "tool_calls" in body:
        return [_ended(to_message({"role": "assistant", **body}), reason)]
    for key in ("content", "message", "response", "text", "completion", "output"):
        if body.get(key) not in (None, ""):
            found = body[key]
            if key == "message" and isinstance(found, dict):
                return [_ended(to_message({"role": "assistant", **found}), reason)]
            parts = list(content_parts(found))
            return [_ended({"role": "assistant", "parts": parts}, reason)]
    return []


def _of_choices(choices: list[Any]) -> list[Message]:
    messages = []
    for choice in choices:
        choice = as_dict(choice)
        inner = choice.get("message", choice.get("text", choice.get("delta")))
        message = {"role": "assistant", **inner} if isinstance(inner, dict) else {"role": "assistant", "content": inner}
        messages.append(_ended(to_message(message), _first(choice, _REASONS)))
    return messages


def _of_candidates(candidates: list[Any]) -> list[Message]:
    return [
        _ended(
            {"role": "assistant", "parts": list(content_parts(as_dict(candidate).get("content")))},
            _first(as_dict(candidate), _REASONS),
        )
        for candidate in candidates
    ]


def _of_generations(generations: list[Any]) -> list[Message]:
    flat = [each for group in generations for each in (group if isinstance(group, list) else [group])]
    return [
        message
        for each in map(as_dict, flat)
        for message in to_messages([each.get("message") or each.get("text")], "assistant")
    ]


def _of_conversation(messages: list[Any]) -> list[Message]:
    """The replies at the end of a conversation."""
    found = to_messages(messages, "assistant")
    last = max((index for index, message in enumerate(found) if message["role"] != "assistant"), default=-1)
    return found[last + 1 :]


_REPLIES = {
    "choices": _of_choices,
    "candidates": _of_candidates,
    "generations": _of_generations,
    "messages": _of_conversation,
}


def _of_items(items: list[Any]) -> Message:
    parts: list[JsonObject] = []
    for item in items:
        is_message = item.get("type") == "message"
        parts.extend(content_parts(item.get("content")) if is_message else [part_of(item)])
    return {"role": "assistant", "parts": parts}


def _ended(message: Message, reason: object) -> Message:
    return {**message, "finish_reason": reason} if isinstance(reason, str) and reason else message


def result_of(value: object) -> Any:
    """A tool's result: the content of LangChain's message with it; any other value as it is."""
    if not isinstance(value, dict):
        return value
    inner = value.get("kwargs") if "lc" in value else value.get("data", value)
    if not isinstance(inner, dict) or "tool_call_id" not in inner or inner.get("content") is None:
        return value
    return inner["content"] if "tool" in (value.get("type"), inner.get("type")) else value


# --- tokens

_INPUT = ("input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "promptTokenCount", "prompt_token_count")
_OUTPUT = (
    "output_tokens", "completion_tokens", "outputTokens", "completionTokens", "candidatesTokenCount",
    "candidates_token_count",
)  # fmt: skip
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "total")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details", "inputTokenDetails")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details", "outputTokenDetails")
_READ = ("cached_tokens", "cache_read", "cacheReadTokens")
_WRITTEN = ("cache_creation", "cache_write", "cacheWriteTokens")
_REASONED = ("reasoning_tokens", "reasoning", "reasoningTokens")
# counts beside the input, which do not include it
_READ_BESIDE = ("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN_BESIDE = ("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
_READ_WITHIN = ("cachedInputTokens", "cachedContentTokenCount", "cached_content_token_count", "cachedContentTokens")
_THOUGHTS = ("thoughtsTokenCount", "thoughts_token_count")


def put_usage(reading: Reading, value: object) -> None:
    """Put token counts that any model's API or framework sends."""
    given = as_dict(value)
    if not given:
        return
    inside, outside = as_dict(_first(given, _INPUT_DETAILS)), as_dict(_first(given, _OUTPUT_DETAILS))
    read, written = _count(given, _READ_BESIDE), _count(given, _WRITTEN_BESIDE)
    uncached, thoughts = _count(given, _INPUT), _count(given, _THOUGHTS)
    replied = _count(given, _OUTPUT)
    put_counts(
        reading,
        input=None if uncached is None else uncached + (read or 0) + (written or 0),
        output=None if replied is None and thoughts is None else (replied or 0) + (thoughts or 0),
        total=_count(given, _TOTAL),
        cache_read=_any(_count(inside, _READ), read, _count(given, _READ_WITHIN)),
        cache_write=_any(_count(inside, _WRITTEN), written),
        reasoning=_any(_count(outside, _REASONED), thoughts, _count(given, ("reasoningTokens", "thoughtsTokens"))),
    )


_KEYS = {
    "input": semconv.USAGE_INPUT,
    "output": semconv.USAGE_OUTPUT,
    "total": semconv.USAGE_TOTAL,
    "cache_read": semconv.USAGE_CACHE_READ,
    "cache_write": semconv.USAGE_CACHE_WRITE,
    "reasoning": semconv.USAGE_REASONING,
}


def put_counts(reading: Reading, **counts: int | None) -> None:
    """Put token counts by the names input, output, total, cache_read, cache_write, reasoning."""
    for name, count in counts.items():
        reading.put_plain(_KEYS[name], count)


def _any(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _count(given: JsonMapping, names: Iterable[str]) -> int | None:
    return next((count for count in (count_of(given.get(name)) for name in names) if count is not None), None)


def count_of(value: object) -> int | None:
    """A number of tokens, also where it was sent as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 10**15:
        return None
    return int(value)


def _first(holder: JsonMapping, names: Iterable[str]) -> Any:
    return next((holder[name] for name in names if holder.get(name) not in (None, "", [], {})), None)


# --- both


def put_call(reading: Reading, asked: object, replied: object) -> None:
    """Put a model's request and reply, which are kept as they came where they contain more than their messages."""
    asked, replied = parsed(asked), parsed(replied)
    put_request(reading, asked)
    put_reply(reading, replied)
    if semconv.INPUT_MESSAGES not in reading.structured or (isinstance(asked, dict) and not _is_message(asked)):
        reading.put(semconv.INPUTS, asked)
    if semconv.OUTPUT_MESSAGES not in reading.structured or (isinstance(replied, dict) and not _is_message(replied)):
        reading.put(semconv.OUTPUTS, replied)

"""The readable text of a span: its new text for the full-text index, and the previews of a trace.

A conversation is sent again with every call. New are the messages after the last reply, and the reply itself.
The full-text index deletes a span's text by making it once more from the stored record: when the result of `span_text`
changes, the index has to be rebuilt (a migration that empties it and sets the counter `indexed_chunk` to 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Union

import orjson

from tracer import semconv
from tracer._fault import report
from tracer._json import JsonObject, encode
from tracer.messages import to_messages

Previews = tuple[Union[str, None], Union[str, None]]

_PREVIEW_CHARACTERS = 1000
_TEXT_CHARACTERS = 200_000
_DEPTH_LIMIT = 60
_SHOWN = frozenset({semconv.INPUTS, semconv.OUTPUTS, semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES})
_STRUCTURING = frozenset({"role", "type", "object", "id", "finish_reason", "mime_type", "modality"})
_LANGCHAIN_TYPES = ("human", "ai", "system", "tool", "function")
_LANGCHAIN_ROLES = (*_LANGCHAIN_TYPES, "user", "assistant")
_ASSISTANT_ROLES = ("assistant", "model", "ai")


def span_text(record: JsonObject) -> str:
    """The new text of a span: last messages, outputs, and errors."""
    pieces: list[str] = []
    inputs = _new_messages(record)
    pieces.extend(_leaves(inputs if inputs is not None else _new_part(value_of(record, semconv.INPUTS))))
    outputs = value_of(record, semconv.OUTPUT_MESSAGES)
    pieces.extend(_leaves(outputs if outputs is not None else value_of(record, semconv.OUTPUTS)))
    pieces.extend(_error_texts(record))
    return _joined(pieces)


def previews(record: JsonObject) -> Previews:
    """The previews of request and reply. Never raises."""
    if "json" not in record and _SHOWN.isdisjoint(record.get("attributes") or ()):
        return None, None
    try:
        return request_preview(record), response_preview(record)
    except Exception as error:
        report("making the preview of a trace", error)
        return None, None


def request_preview(record: JsonObject) -> str | None:
    """The request: the last user message, else the inputs as compact JSON."""
    messages = value_of(record, semconv.INPUT_MESSAGES)
    inputs = value_of(record, semconv.INPUTS)
    asked = _last_text(messages, ("user", "human")) or _last_text(_conversation(inputs), ("user", "human"))
    return _cut(asked if asked is not None else inputs if inputs is not None else messages)


def response_preview(record: JsonObject) -> str | None:
    """The reply: its text, else the tools that it calls, else the outputs as compact JSON."""
    messages = value_of(record, semconv.OUTPUT_MESSAGES)
    outputs = value_of(record, semconv.OUTPUTS)
    replied = (
        _last_text(messages, _ASSISTANT_ROLES)
        or _last_text(_choice_messages(outputs), _ASSISTANT_ROLES)
        or _tool_calls(messages if messages is not None else to_messages(_choice_messages(outputs)))
    )
    return _cut(replied if replied is not None else outputs if outputs is not None else messages)


def exception_type(record: JsonObject) -> str | None:
    """The type in the last exception event that names one, else the attribute that names the kind of error."""
    named = [
        (event.get("attributes") or {}).get(semconv.EXCEPTION_TYPE)
        for event in record.get("events") or ()
        if isinstance(event, dict) and event.get("name") == "exception"
    ]
    named.insert(0, (record.get("attributes") or {}).get(semconv.ERROR_TYPE))
    return next((name for name in reversed(named) if isinstance(name, str) and name), None)


def value_of(record: JsonObject, key: str) -> Any:
    """An attribute of a span record as a structured value; None where it is absent."""
    structured = record.get("json")
    if structured and key in structured:
        return structured[key]
    attributes = record.get("attributes")
    value = attributes.get(key) if attributes else None
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def json_text(value: Any) -> str:
    """A structured value as compact JSON, cut where it is nested too deep to be written."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return encode(value).decode()


def _new_messages(record: JsonObject) -> Any:
    messages = value_of(record, semconv.INPUT_MESSAGES)
    if messages is None:
        return None
    new = _after_last_reply(messages)
    if isinstance(messages, list) and len(new) == len(messages):  # the first call of a conversation
        return [value_of(record, semconv.SYSTEM_INSTRUCTIONS), new]
    return new


def _new_part(inputs: Any) -> Any:
    messages = _message_list(inputs)
    if messages is None:
        return inputs
    if not isinstance(inputs, dict):
        return _after_last_reply(messages)
    return [_after_last_reply(messages), [value for value in inputs.values() if value is not messages]]


def _after_last_reply(messages: Any) -> Any:
    if not isinstance(messages, list):
        return messages
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, dict) and message.get("role") in _ASSISTANT_ROLES and index < len(messages) - 1:
            return messages[index + 1 :]
    return messages


def _message_list(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        value = value.get("messages", value.get("input"))
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        return value
    return None


def _conversation(value: Any) -> list[Any] | None:
    """The messages in a value, LangChain's too; the text for the index has only the former, or it would change."""
    found = _message_list(value)
    if found is not None:
        return found
    if isinstance(value, dict):
        value = value.get("messages", value.get("input"))
    if isinstance(value, list) and value and all(map(_is_of_langchain, value)):
        return to_messages([{"role": each[0], "content": each[1]} if type(each) is list else each for each in value])
    return None


def _is_of_langchain(item: Any) -> bool:
    if isinstance(item, list):  # a role and a text
        return len(item) == 2 and item[0] in _LANGCHAIN_ROLES and isinstance(item[1], str)
    if not isinstance(item, dict):
        return False
    if "lc" in item:
        return isinstance(item.get("kwargs"), dict)
    return item.get("type") in _LANGCHAIN_TYPES and ("content" in item or isinstance(item.get("data"), dict))


def _choice_messages(outputs: Any) -> Any:
    if not isinstance(outputs, dict):
        return _conversation(outputs)
    choices = outputs.get("choices")
    if isinstance(choices, list):
        return [
            choice["message"]
            for choice in choices
            if isinstance(choice, dict) and isinstance(choice.get("message"), dict)
        ]
    message = outputs.get("message")
    return [message] if isinstance(message, dict) else _conversation(outputs)


def _last_text(messages: Any, roles: tuple[str, ...]) -> str | None:
    if not isinstance(messages, list):
        return None
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") in roles:
            text = _message_text(message)
            if text:
                return text
    return None


def _message_text(message: JsonObject) -> str | None:
    content = message.get("parts", message.get("content"))
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        part.get("content", part.get("text"))
        for part in content
        if isinstance(part, dict) and "text" in str(part.get("type"))
    ]
    return "\n".join(text for text in texts if isinstance(text, str)) or None


def _tool_calls(messages: Any) -> str | None:
    """The tools that replies call, a line each: ``get_weather({"city":"Oslo"})``; None where there are none."""
    calls = []
    for message in messages if isinstance(messages, list) else ():
        parts = message.get("parts") if isinstance(message, dict) and message.get("role") in _ASSISTANT_ROLES else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "tool_call" and isinstance(part.get("name"), str):
                calls.append(f"{part['name']}({json_text(part.get('arguments'))})")
    return "\n".join(calls) or None


def _error_texts(record: JsonObject) -> Iterator[str]:
    message = record.get("message")
    if isinstance(message, str):
        yield message
    for event in record.get("events") or ():
        if isinstance(event, dict) and event.get("name") == "exception":
            text = (event.get("attributes") or {}).get("exception.message")
            if isinstance(text, str) and text != message:
                yield text


def _leaves(value: Any) -> list[str]:
    """Every text inside a structure, depth first, without roles and part types."""
    texts: list[str] = []
    _add_leaves(texts, value, 0)
    return texts


def _add_leaves(texts: list[str], value: Any, depth: int) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif depth > _DEPTH_LIMIT:
        return
    elif isinstance(value, dict):
        is_message_like = "role" in value or "type" in value or "object" in value
        for key, item in value.items():
            if not (is_message_like and key in _STRUCTURING):
                _add_leaves(texts, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _add_leaves(texts, item, depth + 1)


def _joined(pieces: Iterable[str]) -> str:
    text = "\n".join(piece for piece in pieces if piece)
    return text[:_TEXT_CHARACTERS]


def _cut(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json_text(value)
    return text if len(text) <= _PREVIEW_CHARACTERS else text[: _PREVIEW_CHARACTERS - 1] + "…"

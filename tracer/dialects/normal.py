"""Values under the conventions' own keys, brought into the conventions' form, whatever their shape."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer._parts import content_parts
from tracer.dialects.reading import Reading, parsed
from tracer.messages import Message, to_messages, to_tools

_TOKENS = frozenset(semconv.TOKEN_USAGE.values())
_LISTS = (semconv.RESPONSE_FINISH_REASONS, semconv.REQUEST_STOP_SEQUENCES)


def normalise(reading: Reading) -> None:
    """Bring messages, instructions, tools, finish reasons and token counts of a span into the conventions' form."""
    attributes, structured = reading.attributes, reading.structured
    for key, convert in _CONVERSIONS.items():
        if key in structured or key in attributes:
            given = structured.pop(key, None)
            plain = attributes.pop(key, None)
            try:
                converted = convert(plain if given is None else given)
            except RecursionError:  # nested deeper than any conversation
                converted = []
            if converted:
                structured[key] = converted
    for key in _LISTS:
        if isinstance(attributes.get(key), str):
            found = parsed(attributes[key])
            attributes[key] = [str(item) for item in found] if isinstance(found, list) else [attributes[key]]
    for key in _TOKENS & attributes.keys():
        count = attributes[key]
        if isinstance(count, str) and count.isdecimal() and len(count) < 16:
            attributes[key] = int(count)


def messages_of(value: object, role: str) -> list[Message]:
    """Messages from any value: a conversation, one message, text, or JSON text of these."""
    return to_messages(parsed(value), role)


def system_of(value: object) -> list[JsonObject]:
    """System instructions as parts: from text, parts, or messages."""
    found = parsed(value)
    if isinstance(found, dict) and "type" not in found and ("content" in found or "parts" in found):
        found = [found]
    if not isinstance(found, list):
        return list(content_parts(found))
    parts: list[JsonObject] = []
    for item in found:
        is_message = isinstance(item, dict) and "type" not in item and ("content" in item or "parts" in item)
        parts.extend(to_messages(item, "system")[0]["parts"] if is_message else content_parts([item]))
    return parts


def tools_of(value: object) -> list[object]:
    """Tool definitions in one flat form; also where each is JSON text."""
    found = parsed(value)
    if isinstance(found, dict) and isinstance(found.get("tools"), list):
        found = found["tools"]
    return to_tools([parsed(tool) for tool in found] if isinstance(found, list) else found)


def _asked(value: object) -> list[Message]:
    return messages_of(value, "user")


def _replied(value: object) -> list[Message]:
    return messages_of(value, "assistant")


_CONVERSIONS = {
    semconv.INPUT_MESSAGES: _asked,
    semconv.OUTPUT_MESSAGES: _replied,
    semconv.SYSTEM_INSTRUCTIONS: system_of,
    semconv.TOOL_DEFINITIONS: tools_of,
}

"""Counts the fields of an OTLP request in protobuf before it is parsed: two bytes can become a message of fifty.

Source: protobuf's encoding, https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from functools import cache
from typing import Any

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


def has_more_fields(content: bytes, limit: int, descriptor: Any) -> bool:
    """Whether a message has more fields than this; False for invalid protobuf, which every parser refuses."""
    if len(content) <= 2 * limit:  # a field takes at least two bytes
        return False
    place, left = 0, limit
    messages: list[tuple[Any, int]] = [(descriptor, len(content))]
    try:
        while messages:
            message, end = messages[-1]
            if place >= end:
                messages.pop()
                continue
            left -= 1
            if left < 0:
                return True
            tag, place = _varint(content, place)
            kind = tag & 7
            if kind != _LENGTH:
                place = _varint(content, place)[1] if kind == _VARINT else place + _SIZES.get(kind, 0)
                continue
            size, place = _varint(content, place)
            inner = _messages_in(message).get(tag >> 3)
            if inner is None:
                place += size
            else:
                messages.append((inner, place + size))
    except (IndexError, ValueError):
        pass
    return False


@cache
def _messages_in(message: Any) -> dict[int, Any]:
    """The fields of a message that hold messages themselves, by their numbers."""
    return {number: field.message_type for number, field in message.fields_by_number.items() if field.message_type}


def _varint(content: bytes, place: int) -> tuple[int, int]:
    number = content[place]
    place += 1
    if number < 0x80:
        return number, place
    number &= 0x7F
    for shift in range(7, 7 * _LONGEST_VARINT, 7):
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a varint of more than ten bytes")

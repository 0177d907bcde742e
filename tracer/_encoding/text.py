"""Texts that are cut, cleaned, or asked of objects whose own methods may be broken."""

from __future__ import annotations

from typing import Final

import orjson

from tracer._fault import reraise_interruption

ESCAPED: Final = 6  # bytes of JSON that a character takes at most, `\\u0001`; a lone surrogate's escape takes one more
_PIECE = 1 << 13  # characters
_SAMPLE = 1 << 10


def cut_text(text: str, limit: int) -> str:
    """The first ``limit`` characters, with a note of how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… [cut: {len(text) - limit} more characters]"


def json_size(text: str, limit: int) -> tuple[int, int]:
    """About the bytes that a text takes as JSON, and how many of its characters take ``limit`` at most.

    Of a long text an eighth is encoded, from all parts of it. Where not all characters are within the limit, the size
    is only known to be more.
    """
    size = 0
    for start in range(0, len(text), _PIECE):
        length = min(_PIECE, len(text) - start)
        sample = text[start : start + (_SAMPLE if len(text) > _PIECE else length)]
        try:
            encoded = orjson.dumps(sample)
        except TypeError:
            encoded = orjson.dumps(clean_text(sample))
        more = (len(encoded) - 2) * length // len(sample)
        if size + more > limit:
            return size + more, start + length * (limit - size) // more
        size += more
    return size, len(text)


def clean_text(text: str) -> str:
    """Text with lone surrogates, which UTF-8 cannot encode, replaced by their escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str(text)


def text_of(value: object) -> str:
    """``str()`` of the value, also when its ``__str__`` is broken; of a text with a class of its own, the text."""
    if isinstance(value, str):
        return str.__str__(value)
    try:
        return str(value)
    except Exception as error:
        reraise_interruption(error)
        return f"<{type(value).__qualname__} without text>"

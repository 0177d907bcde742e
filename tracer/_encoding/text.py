"""Texts that are cut, cleaned, or asked of objects whose own methods may be broken."""

from __future__ import annotations

from tracer._fault import reraise_interruption


def cut_text(text: str, limit: int) -> str:
    """The first ``limit`` characters, with a note of how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… [cut: {len(text) - limit} more characters]"


def clean_text(text: str) -> str:
    """Text with lone surrogates, which UTF-8 cannot encode, replaced by their escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str(text)


def text_of(value: object) -> str:
    """``str()`` of the value, also when its ``__str__`` is broken."""
    try:
        return str(value)
    except Exception as error:
        reraise_interruption(error)
        return f"<{type(value).__qualname__} without text>"

"""Prints any value: short ones in one line, long ones as an indented outline, texts with their line ends."""

from __future__ import annotations

import orjson

from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.cli.screen import Screen
from tracer.cli.wording import clean, count, size

_INLINE = 76
_DEEPEST = 40
_NUMBERS_SHOWN = 6


def print_value(screen: Screen, value: object, *, indent: int, style: str = "", depth: int = 0) -> None:
    """A JSON value on lines of its own."""
    room = max(20, min(_INLINE, screen.width or _INLINE) - indent)
    text = one_line(value)
    # JSON would escape the line ends of a nested text: printed as an outline
    fits = len(text) <= room and "\\n" not in text
    if fits or depth > _DEEPEST or not isinstance(value, (dict, list)):
        screen.wrapped(text, indent=indent, style=style)
        return
    # pairs of the start of a line and the value after it
    items = [(f"{key}:", item) for key, item in value.items()] if isinstance(value, dict) else [("-", v) for v in value]
    for start, item in items:
        inline = one_line(item)
        is_short = isinstance(item, str) or len(start) + 1 + len(inline) <= room
        if is_short and "\n" not in inline:
            screen.wrapped(f"{start} {inline}", indent=indent, style=style)
        else:
            screen.wrapped(start, indent=indent, style=style)
            print_value(screen, item, indent=indent + 2, style=style, depth=depth + 1)


def one_line(value: object) -> str:
    """A text unchanged, other values as compact JSON; vectors are shortened, attachments described."""
    if isinstance(value, str):
        return _attachment(value) if value.startswith(ATTACHMENT_SCHEME) else clean(value)
    return clean(orjson.dumps(_shortened(value), option=orjson.OPT_NON_STR_KEYS, default=str).decode())


def arguments(value: object) -> str:
    """Arguments of a tool call as in code: ``city="Lisbon", days=3``."""
    if isinstance(value, dict):
        return ", ".join(f"{clean(key)}={clean(orjson.dumps(item).decode())}" for key, item in value.items())
    return "" if value is None else one_line(value)


def _shortened(value: object, depth: int = 0) -> object:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str) and value.startswith(ATTACHMENT_SCHEME):
        return _attachment(value)
    if isinstance(value, dict):
        return {key: _shortened(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) > 2 * _NUMBERS_SHOWN and all(type(item) in (int, float) for item in value):
            return [*value[:_NUMBERS_SHOWN], f"… {count(len(value))} numbers"]
        return [_shortened(item, depth + 1) for item in value]
    return value


def _attachment(uri: str) -> str:
    digest, mime, length = [*uri.removeprefix(ATTACHMENT_SCHEME).split(";"), "", ""][:3]
    return clean(f"[{mime or 'attachment'}, {size(int(length)) if length.isdigit() else '?'}, sha256 {digest[:12]}…]")

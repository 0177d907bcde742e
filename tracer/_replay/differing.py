"""The differences of two JSON values, in words."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator

from tracer._redaction.secrets import REDACTED

_DIFF_LINES = 40
_DIFF_WIDTH = 300
_WORDS = 6  # shown of a text, from the first that differs
NOTHING = object()  # in the place of a value that only the other side has


def is_same(recorded: object, value: object) -> bool:
    """Whether values are equal; a redacted value is equal to any."""
    if isinstance(recorded, str) and REDACTED in recorded:
        pattern = ".*".join(map(re.escape, recorded.split(REDACTED)))
        return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
    if isinstance(recorded, dict) and isinstance(value, dict):
        return recorded.keys() == value.keys() and all(is_same(item, value[key]) for key, item in recorded.items())
    if isinstance(recorded, list) and isinstance(value, list):
        return len(recorded) == len(value) and all(map(is_same, recorded, value))
    return recorded == value and isinstance(recorded, bool) is isinstance(value, bool)


def differing(recorded: object, value: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """The places in which values differ, each with the values of both sides."""
    if is_same(recorded, value):
        return
    if isinstance(recorded, dict) and isinstance(value, dict):
        for name in dict.fromkeys([*recorded, *value]):
            yield from differing(recorded.get(name, NOTHING), value.get(name, NOTHING), below(path, name))
    elif isinstance(recorded, list) and isinstance(value, list):
        for index in range(max(len(recorded), len(value))):
            before, after = (items[index] if index < len(items) else NOTHING for items in (recorded, value))
            yield from differing(before, after, f"{path}[{index}]")
    else:
        yield path, recorded, value


def first_word(before: str, after: str) -> tuple[int, str, str]:
    """The number of the first word that differs, from 1, and both texts from there on."""
    old, new = before.split(), after.split()
    index = next((i for i, (one, other) in enumerate(zip(old, new)) if one != other), min(len(old), len(new)))
    told, tells = (" ".join(words[index : index + _WORDS]) or "the end" for words in (old, new))
    return index + 1, told, tells


def short(value: object) -> str:
    """A value on one short line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:119]}…"


def unified(recorded: object, value: object) -> str:
    """All that differs, as a unified diff with a line for each leaf."""
    lines = [
        line[:_DIFF_WIDTH]
        for line in difflib.unified_diff(leaves(recorded), leaves(value), "recorded", "now", n=2, lineterm="")
        if not line.startswith("@@")
    ]
    left_out = len(lines) - _DIFF_LINES
    return "\n".join([*lines[:_DIFF_LINES], f"… {left_out} more lines"] if left_out > 0 else lines)


def leaves(value: object, path: str = "") -> list[str]:
    """A line for each leaf, that of a message with its place: ``messages[1].content: Can I send it back?``."""
    if isinstance(value, dict) and value:
        return [line for name, item in sorted(value.items()) for line in leaves(item, below(path, name))]
    if isinstance(value, list) and value:
        return [line for index, item in enumerate(value) for line in leaves(item, f"{path}[{index}]")]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [f"{path}: {line}" for line in text.splitlines() or [""]]


def below(path: str, name: str) -> str:
    """The path of a field."""
    return f"{path}.{name}" if path else name

"""Changes to the requests of a fork: fields of the body by their path."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError

_PART = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")
_PATH = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[-?\d+\])*")


class Change(NamedTuple):
    """A field, by the names and indexes that lead to it, and its new value."""

    path: tuple[str | int, ...]
    value: object


def changes_of(given: Mapping[str, object]) -> tuple[Change, ...]:
    """Changes as a user writes them: ``{"model": "gpt-4o", "messages[0]": "Be brief."}``."""
    found = []
    for path, value in given.items():
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise InvalidArgumentError(
                f'set: {path!r} is no field of a request; write {{"model": …}} or {{"messages[0].content": …}}'
            )
        parts: list[str | int] = [name or int(index) for name, index in _PART.findall(path)]
        found.append(Change(tuple(parts), value))
    return tuple(found)


def changed(body: JsonObject, changes: tuple[Change, ...]) -> JsonObject:
    """A request with the changes; those whose place it does not have are left out."""
    body = copy.deepcopy(body)
    for change in changes:
        _apply(body, change)
    return body


def _apply(body: Any, change: Change) -> None:
    *above, last = change.path
    for part in above:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(body, dict) and isinstance(last, str):
        body[last] = _in_place_of(body.get(last), change.value)
    elif isinstance(body, list) and isinstance(last, int) and -len(body) <= last < len(body):
        body[last] = _in_place_of(body[last], change.value)


def _in_place_of(before: object, value: object) -> object:
    """The value; a text in the place of a message is the message's content."""
    if isinstance(value, str) and isinstance(before, dict):
        if "content" in before:
            return {**before, "content": value}
        if "parts" in before:
            return {**before, "parts": [{"text": value}]}
    return value

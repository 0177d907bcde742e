"""Values copied as dicts, lists, strings and numbers of JSON: whole, or as much as a budget allows."""

from __future__ import annotations

import array
import collections
import itertools
from collections.abc import Iterable
from enum import Enum
from typing import Any

import orjson

from tracer._encoding.bounds import BYTES, DEPTH_LIMIT, MANY, is_media, options
from tracer._encoding.foreign import (
    bytes_left_out,
    is_array,
    is_finite,
    is_native,
    is_numpy_scalar,
    one_step,
    repr_of,
    steps_of,
)
from tracer._encoding.text import clean_text, cut_text, json_size, text_of
from tracer._fault import reraise_interruption

UNBOUNDED = 1 << 62
_NUMBER = 4  # times the weight, of a number that is copied
_COPIED = 32  # times the weight, of an item that is copied
_SHORTEST = 64  # characters of a text that are kept at least
_SPARE = 64  # part of a text that is cut, lest it take more than was estimated
_NOTE = 40  # characters of the note of a cut
_NUMBERS = frozenset({int, float})
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1  # of JSON's integers


class Plain:
    """Copies values as dicts, lists, strings and numbers of JSON, until the budget is used up.

    A part may use half of what is left, so that one large part leaves something for those after it.
    """

    def __init__(self, left: int = UNBOUNDED, weight: int = 1, *, keeps_media: bool = True) -> None:
        self.left_out = 0  # about how many bytes
        self._left = left
        self._weight = weight
        self._keeps_media = keeps_media
        self._ancestors: set[int] = set()

    def __call__(self, value: Any, key: object = None, depth: int = 0) -> Any:
        """The copy of a value."""
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if issubclass(kind, str):
            return self._text(str.__str__(value), key)
        if issubclass(kind, (int, float)):
            return self._odd_number(value)
        if id(value) in self._ancestors:
            return f"<circular reference to {kind.__qualname__}>"
        if depth >= DEPTH_LIMIT:
            return f"<nested deeper than {DEPTH_LIMIT} levels>"
        self._ancestors.add(id(value))
        try:
            return self._container(value, kind, key, depth)
        except Exception as error:
            reraise_interruption(error)
            return f"<{kind.__qualname__}: reading it raised {type(error).__name__}>"
        finally:
            self._ancestors.discard(id(value))

    def _text(self, text: str, key: object) -> str:
        if self._keeps_media and is_media(text, key):
            return text
        if len(text) <= _SHORTEST:
            self._left -= len(text)
            return clean_text(text)
        limit = max(self._left, _SHORTEST)
        size, kept = json_size(text, limit)
        self._left -= min(size, limit)
        if kept < len(text):
            kept = max(kept - kept // _SPARE - _NOTE, 0)
            self.left_out += limit * (len(text) - kept) // max(kept, 1)
            text = cut_text(text, kept)
        return clean_text(text)

    def _container(self, value: Any, kind: type, key: object, depth: int) -> Any:
        if issubclass(kind, dict):
            return self._dict(dict.items(value), len(value), depth)
        if issubclass(kind, list) or kind in (tuple, set, frozenset, collections.deque):
            return self._list(value, len(value), key, depth)
        if issubclass(kind, BYTES):
            self.left_out += bytes_left_out(value)
        if issubclass(kind, array.array):
            return self._numbers(value, len(value))
        if is_array(kind) and value.ndim:
            self._left -= (steps_of(kind) - 1) * _COPIED * self._weight
            return self._array(value, depth)
        if is_native(kind):
            return self._native(value, kind, key, depth)
        self._left -= (steps_of(kind) - 1) * _COPIED * self._weight
        step = one_step(value)
        return self._text(step, key) if type(step) is str else self(step, key, depth + 1)

    def _native(self, value: Any, kind: type, key: object, depth: int) -> Any:
        if issubclass(kind, Enum):
            return self(value.value, key, depth + 1)
        if not is_numpy_scalar(kind) or is_finite(value):
            try:
                return orjson.loads(orjson.dumps(value, None, options()))
            except orjson.JSONEncodeError:
                pass
        return self(value.item() if kind is not type(value.item()) else text_of(value), key, depth + 1)

    def _dict(self, items: Iterable[tuple[Any, Any]], size: int, depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        count = 0
        for key, item in self._affordable(items):
            if self._left <= 0:
                break
            count += 1
            name = self._text(_key_text(key), None)
            copied[name] = self._part(item, name, depth, is_last=count == size)
        if count < size:
            copied["[cut]"] = f"{self._left_out(size - count)} more entries"
        return copied

    def _list(self, items: Iterable[Any], size: int, key: object = None, depth: int = 0, of: Any = None) -> list[Any]:
        if of is None:
            items = self._affordable(items)
            if len(items) > MANY and set(map(type, items)) <= _NUMBERS:
                return self._numbers(items, size)
        copied: list[Any] = []
        for item in items:
            if self._left <= 0:
                break
            copied.append(self._part(item, key, depth, is_last=len(copied) + 1 == size))
        return [*copied, self._note(size - len(copied), of)] if len(copied) < size else copied

    def _part(self, item: Any, key: object, depth: int, *, is_last: bool) -> Any:
        self._left -= _COPIED * self._weight
        reserve = 0 if is_last else self._left // 2
        self._left -= reserve
        copied = self(item, key, depth + 1)
        self._left += reserve
        return copied

    def _affordable(self, items: Iterable[Any]) -> list[Any]:
        return list(itertools.islice(items, max(self._left // (_NUMBER * self._weight), 0)))

    def _numbers(self, items: Iterable[Any], size: int, of: Any = None) -> list[Any]:
        kept = list(itertools.islice(items, max(self._left // (_NUMBER * self._weight), 0)))
        self._left -= len(kept) * _NUMBER * self._weight
        if any(type(x) is int and not _LOWEST <= x <= _HIGHEST for x in kept):
            kept = kept[: len(kept) * _NUMBER // _COPIED]  # these become texts
        numbers = [x if _LOWEST <= x <= _HIGHEST else self._odd_number(x) for x in kept]
        return [*numbers, self._note(size - len(kept), of)] if len(kept) < size else numbers

    def _odd_number(self, value: float) -> int | float | str:
        if issubclass(type(value), int):
            return int(value) if _LOWEST <= value <= _HIGHEST else self._text(repr_of(value), None)
        if value - value:
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return float(value)

    def _array(self, value: Any, depth: int) -> list[Any]:
        if value.ndim == 1 and value.dtype.kind in "biufmM":
            kept: Any = one_step(value[: max(self._left // (_NUMBER * self._weight), 0)])
            return (self._list if value.dtype.kind in "mM" else self._numbers)(kept, len(value), of=value)
        return self._list(map(value.__getitem__, range(len(value))), len(value), depth=depth, of=value)

    def _note(self, count: int, array: Any) -> str:
        of = "" if array is None else f" of an array of {array.dtype}, shape {array.shape}"
        return f"[cut: {self._left_out(count)} more items{of}]"

    def _left_out(self, count: int) -> int:
        self.left_out += 2 * count  # an item takes two bytes at least
        return count


def _key_text(key: object) -> str:
    if issubclass(type(key), str):
        return str.__str__(key)  # pyright: ignore[reportArgumentType]
    if key is None or key is True or key is False:
        return {None: "null", True: "true", False: "false"}[key]
    return repr_of(key)

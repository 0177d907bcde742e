"""The bound before the work: how much of a value is encoded, decided before it is.

A value costs its characters and a fixed weight for each of its items. Most values are small enough at a glance;
others are weighed, and too large ones are copied in part (plain.py). Beyond the first sixth of the bound, of which
JSON cannot take more than the bound, texts cost their size as JSON.
"""

from __future__ import annotations

import array
import collections
import math
import string
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from gc import get_referents
from itertools import chain
from typing import Any

import orjson

from tracer._encoding.foreign import (
    MEDIA_LIMIT,
    bytes_left_out,
    is_array,
    is_finite,
    is_numpy_number,
    is_numpy_scalar,
    is_plain_dataclass,
    one_step,
    steps_of,
)
from tracer._encoding.text import ESCAPED, json_size

# keys of bare base64 in the providers' schemas: input_audio.data, images' b64_json, speech's audio, …
MEDIA_KEYS = frozenset(
    {
        *("data", "b64_json", "result", "partial_image_b64", "image_base64", "file_data"),
        *("embedding", "audio", "image", "images"),
    }
)
TOO_MANY = -1
DEPTH_LIMIT = 100
_LONG = 4_096  # characters of a text that may be media
_BEGINNING = 200  # its characters that are looked at
_BASE64 = frozenset(string.ascii_letters + string.digits + "+/-_")
MANY = 32  # items of a list from which looking at them all together is faster
_FULL = 1 << 20
_FEW = 16  # items
_SHORT = 1_024  # characters
_ITEM = 32  # weight of an item that orjson encodes; it is less where the bound is so small that this would cut much
_STEP = 48  # times the weight, of an object that orjson does not know
_NATIVE = 4  # times the weight, of another one
_NUMPY = 8  # times the weight, of a number or a time of numpy's
_SCALARS = frozenset({int, bool, type(None), date, datetime, time})
_ENDS = _SCALARS | {float, str}  # types that hold nothing further
_CONTAINERS = frozenset({dict, list, tuple})
_SIZED = _CONTAINERS | {str}
_PLAIN = _ENDS | _CONTAINERS
BYTES = (bytes, bytearray, memoryview)
_HIDDEN_VALUES = sys.version_info >= (3, 13)  # from then on `get_referents` of an object's dict lists nothing
_COUNTED = (set, frozenset, collections.deque, array.array)


def options() -> int:
    """orjson's options: a dataclass is a step, since orjson would encode it whole."""
    # with the option for numpy orjson imports it by itself, in the middle of the user's call
    return _DATACLASS_AND_NUMPY if "numpy" in sys.modules else orjson.OPT_PASSTHROUGH_DATACLASS


_DATACLASS_AND_NUMPY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_SERIALIZE_NUMPY


def item_weight(limit: int) -> int:
    """Weight of one item under a bound in bytes."""
    return _ITEM if limit >= _FULL else (limit >> 15) + 1


def longest_text(value: Any, limit: int) -> int | None:
    """Characters of the longest text, at least, in a value that orjson may encode as it is.

    `TOO_MANY` of a value with too many items, None of one that needs a closer look. Goes through the value
    level by level: `get_referents` lists what containers hold ten times faster than a loop. It lists an object's class
    as well, so that the search ends at the first object that is no dataclass.
    """
    kind = type(value)
    if kind is str:
        fits = len(value) <= limit // ESCAPED or (len(value) <= limit and _json_size([value], limit) <= limit)
        return len(value) if fits else None
    if kind in _ENDS:
        return 0
    if kind is dict and len(value) <= _FEW and limit >= _SHORT:
        left = _left_of_few(value, _SHORT)
        if left >= 0:
            return _SHORT - left
    longest, texts, items, measured = 0, 0, 0, 0
    level: Sequence[Any] = (value,)
    for _ in range(DEPTH_LIMIT):
        kinds = set(map(type, level if len(level) <= _FEW else level[:_FEW]))
        if not kinds <= _PLAIN:
            foreign = kinds - _PLAIN
            if not all(map(is_plain_dataclass, foreign)):
                return None
            level = [item.__dict__ if type(item) in foreign else item for item in level]
            kinds = set(map(type, level))
        elif len(level) > _FEW and str not in kinds:
            kinds = set(map(type, level))
        if str in kinds:
            lengths = [len(item) for item in level if type(item) in _SIZED]
            longest = max(longest, max(lengths, default=0))
            texts += sum(lengths)
            if limit // ESCAPED < texts <= limit:
                measured += _json_size([item for item in level if type(item) is str], limit)
                if measured > limit:
                    return None if longest >= _LONG and _has_media(level) else TOO_MANY
        if not kinds <= _ENDS or longest >= _LONG:
            items += sum([len(item) for item in level if type(item) in _CONTAINERS])
            if items > limit // item_weight(limit):
                return TOO_MANY
        level = _held_by(level)
        if not level:
            return longest if texts + items * item_weight(limit) <= limit else None
        if len(level) > limit:
            return TOO_MANY
    return None


def _left_of_few(value: dict[Any, Any] | list[Any], left: int) -> int:
    """Rest of a budget after a value of a few items and short texts, for which a loop is faster; else negative."""
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is str:
            left -= len(item)
        elif kind is dict or kind is list:
            left = _left_of_few(item, left - _FEW) if len(item) <= _FEW else -1
        elif kind not in _ENDS:
            return -1
        if left < 0:
            return left
    return left


def _json_size(texts: list[str], limit: int) -> int:
    """About the bytes of JSON that these texts take together, as far as the limit."""
    return json_size(texts[0] if len(texts) == 1 else "".join(texts), limit)[0]


def _has_media(level: Sequence[Any]) -> bool:
    """Whether a text among these can be base64, whatever key it has."""
    long = (item[:_BEGINNING] for item in level if type(item) is str and len(item) >= _LONG)
    return any(";base64," in text or _BASE64.issuperset(text) for text in long)


def holds_nan(value: object) -> bool:
    """Whether a small value holds a number for which JSON has no word."""
    level: Sequence[object] = (value,)
    while level:
        if any(item - item for item in level if type(item) is float):
            return True
        level = _held_by([item if type(item) in _PLAIN else item.__dict__ for item in level])
    return False


def _held_by(level: Sequence[Any]) -> list[Any]:
    """The items of containers, apart from the keys of dicts."""
    if not _HIDDEN_VALUES:
        return get_referents(*level)
    dicts = [item for item in level if type(item) is dict]
    others = [item for item in level if type(item) is not dict] if dicts else level
    return [*get_referents(*others), *chain.from_iterable(map(dict.values, dicts))]


def weigh(value: Any, left: int, weight: int, ample: int, key: object = None, depth: int = 0) -> int:
    """Rest of a budget after a value; negative if it is too large, or if orjson alone would not do it justice.

    As long as ``ample`` is left, texts cost their characters; from then on their size as JSON.
    """
    kind = type(value)
    if kind is dict:
        if depth > DEPTH_LIMIT:
            return -1
        left -= weight * len(value)
        for key, item in value.items():
            if left < 0:
                return left
            kind = type(item)
            if kind is str:
                size = len(item)
                left -= size if size < _LONG and left > ample else _text_weight(item, key, left)
            elif kind is float:
                if item - item:  # NaN, infinity
                    return -1
            elif kind not in _SCALARS:
                left = weigh(item, left, weight, ample, key, depth + 1)
            if type(key) is str:
                left -= len(key) if left > ample else json_size(key, max(left, 0))[0]
        return left
    if kind is list or kind is tuple:
        if depth > DEPTH_LIMIT:
            return -1
        left -= weight * len(value)
        if left < 0:
            return left
        if len(value) > MANY:
            kinds = set(map(type, value))
            if kinds <= _SCALARS:
                return left
            if len(kinds) == 1 and float in kinds:
                total = sum(value)
                return -1 if total - total else left
            if len(kinds) == 1 and is_numpy_number(*kinds):
                return _weigh_array(sys.modules["numpy"].array(value), left - weight * len(value))
        for item in value:
            kind = type(item)
            if kind is str:
                size = len(item)
                left -= size if size < _LONG and left > ample else _text_weight(item, key, left)
            elif kind is float:
                if item - item:
                    return -1
            elif kind not in _SCALARS:
                left = weigh(item, left, weight, ample, key, depth + 1)
            if left < 0:
                return left
        return left
    return _weigh_other(value, kind, left, weight, ample, key, depth)


def _weigh_other(value: Any, kind: type, left: int, weight: int, ample: int, key: object, depth: int) -> int:
    cost = steps_of(kind)
    left -= cost * _STEP * weight
    if left < 0:
        return left
    if not cost:
        if not is_numpy_scalar(kind):
            return left - _NATIVE * weight
        return left - _NUMPY * weight if is_finite(value) else -1
    if issubclass(kind, float):
        return left if math.isfinite(value) else -1
    if issubclass(kind, str):
        return left - _text_weight(str.__str__(value), key, left)
    if issubclass(kind, (dict, list, tuple)):
        left -= weight * len(value)
        return left if left < 0 else weigh(one_step(value), left, weight, ample, key, depth + 1)
    if issubclass(kind, _COUNTED):
        return left - weight * len(value)
    if issubclass(kind, BYTES):
        return -1 if bytes_left_out(value) else left
    if is_array(kind):
        return _weigh_array(value, left - weight * value.size)
    return left


def _weigh_array(value: Any, left: int) -> int:
    """A part of a budget that an array leaves; none for one with NaN, infinity or "not a time", which JSON lacks."""
    if left >= 0 and value.dtype.kind in "fmM":
        numpy = sys.modules["numpy"]
        is_plain = numpy.isfinite(value).all() if value.dtype.kind == "f" else not numpy.isnat(value).any()
        return left if is_plain else -1
    return left


def _text_weight(text: str, key: object, left: int) -> int:
    """Bytes of JSON that a text takes, as far as they are left; none of media, which becomes an attachment."""
    return 0 if is_media(text, key) else json_size(text, max(left, 0))[0]


def is_media(text: str, key: object) -> bool:
    return _LONG <= len(text) <= MEDIA_LIMIT and (key in MEDIA_KEYS or ";base64," in text[:_BEGINNING])


class Steps:
    """orjson's function for values unknown to it: one step each, within what is left of the budget."""

    __slots__ = ("_ample", "_left", "_weight")

    def __init__(self, left: int, weight: int, ample: int) -> None:
        self._left = left
        self._weight = weight
        self._ample = ample

    def __call__(self, value: object) -> object:
        step = one_step(value)
        self._left = weigh(step, self._left, self._weight, self._ample)
        if self._left < 0:
            raise OverflowError("the value is too large")
        return step

"""Any Python value as JSON: never raises, never consumes an iterator, bounded in size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from tracer._encoding.bounds import TOO_MANY, Steps, holds_nan, item_weight, longest_text, options, weigh
from tracer._encoding.foreign import one_step
from tracer._encoding.plain import Plain
from tracer._encoding.text import ESCAPED
from tracer._fault import reraise_interruption

_TRIES = 4
_LIST_LIMIT = 1_000
LONG_TEXT = 512  # characters from which a text may be base64 that becomes an attachment

Fragment = orjson.Fragment
JsonObject: TypeAlias = dict[str, Any]
JsonMapping: TypeAlias = Mapping[str, Any]  # a JSON object that is only read


def loads(content: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError.

    Accepts all that Python's own reader accepts, as the SDKs do: NaN, lone surrogates, a byte order mark, UTF-16.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(content)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def encode(value: object) -> bytes:
    """Any value as JSON, whole."""
    try:
        return orjson.dumps(value, one_step, options())
    except Exception as error:
        reraise_interruption(error)
        return orjson.dumps(Plain()(value))


def encode_within(value: object, limit: int) -> tuple[bytes, int, bool]:
    """A value as JSON of about ``limit`` bytes, about its whole size where it was cut, and whether it has long texts.

    The size is 0 where nothing was left out. The work is bounded too, whatever the value is. Base64 that becomes an
    attachment is not counted.
    """
    try:
        longest = longest_text(value, limit)
        if longest == TOO_MANY:
            return *_copied(value, Plain(limit, item_weight(limit))), True
        if longest is not None:
            encoded = orjson.dumps(value)
            if b"null" not in encoded or not holds_nan(value):
                return encoded, 0, longest >= LONG_TEXT
        weight = item_weight(limit)
        ample = limit - limit // ESCAPED
        left = weigh(value, limit, weight, ample)
        if left >= 0:
            return orjson.dumps(value, Steps(left, weight, ample), options()), 0, True
    except Exception as error:
        reraise_interruption(error)
    return *_copied(value, Plain(limit, item_weight(limit))), True


def cut(value: object, limit: int, size: int) -> tuple[bytes, int]:
    """A value whose JSON has ``size`` bytes as JSON of at most ``limit``, and about the size of the whole value."""
    budget = limit
    for _ in range(_TRIES):
        budget = budget * limit // size * 9 // 10
        encoded, left_out = _copied(value, Plain(budget, item_weight(limit), keeps_media=False))
        if len(encoded) <= limit:
            return encoded, left_out or size
        size = len(encoded)
    return orjson.dumps(f"[left out: {size} bytes of JSON]"), size


def _copied(value: object, plain: Plain) -> tuple[bytes, int]:
    encoded = orjson.dumps(plain(value))
    return encoded, plain.left_out and plain.left_out + len(encoded)


def to_plain(value: object) -> Any:
    """The value as dicts, lists, strings and numbers of JSON."""
    return Plain()(value)


def encode_at_most(value: object, limit: int) -> bytes:
    """A value as JSON of at most ``limit`` bytes."""
    encoded = encode_within(value, limit)[0]
    return encoded if len(encoded) <= limit else cut(value, limit, len(encoded))[0]


def is_short_list(value: Sequence[Any], limit: int) -> bool:
    """Whether the sequence can be an OpenTelemetry attribute and stays within the limit."""
    if len(value) >= _LIST_LIMIT or not is_primitive_list(value):
        return False
    return type(value[0]) is not str or sum(map(len, value)) <= limit


def is_primitive_list(value: Sequence[object]) -> bool:
    """Whether the sequence can be an OpenTelemetry attribute: strings, numbers or booleans, all of one type."""
    kinds = {type(item) for item in value}
    return len(kinds) == 1 and kinds <= {str, int, float, bool}

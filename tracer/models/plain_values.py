"""Inputs and outputs of a model as JSON: tables and arrays as lists, an error for other values."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Set
from typing import Any

import orjson

from tracer._encoding.foreign import one_step
from tracer._json import encode
from tracer.models.shape import Shape

_KNOWN = (bytes, bytearray, memoryview, tuple, Mapping, Set, deque)


class NotJsonError(TypeError):
    """A value that JSON cannot hold."""


def to_json(value: object) -> bytes:
    """The value as JSON: a DataFrame as a list of records, an array as a list. Raises NotJsonError."""
    try:
        return orjson.dumps(value, _step, orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        if isinstance(error.__cause__, NotJsonError):
            raise error.__cause__ from None
        return encode(value)  # almost JSON: an integer of more than 64 bits, a lone surrogate


def _step(value: Any) -> object:
    if isinstance(value, Shape):
        return value.to_dict()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return value.to_dict("records")
    for name in ("tolist", "isoformat"):  # arrays and series; a table's times
        if callable(getattr(value, name, None)):
            return getattr(value, name)()
    kind = type(value)
    if isinstance(value, _KNOWN) or any(
        hasattr(kind, mark) for mark in ("__pydantic_fields__", "__attrs_attrs__", "__fspath__")
    ):
        return one_step(value)
    if kind.__name__ == "NAType":
        return None
    raise NotJsonError(f"{kind.__name__} is nothing that JSON can hold")

"""Any Python value as JSON: never raises, never consumes an iterator, bounded in size."""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from collections import deque
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import Any, TypeAlias

import orjson

from tracer._fault import reraise_interruption

_REPR_LIMIT = 10_000
_DEPTH_LIMIT = 100
_BYTES_LIMIT = 1 << 25
_SIZED = frozenset({str, bytes, bytearray, list, tuple, set, frozenset, dict})
_SENTINEL_TYPES = frozenset({"NotGiven", "Omit", "PydanticUndefinedType"})

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
    """Any value as JSON."""
    try:
        return orjson.dumps(value, to_jsonable, _options())
    except Exception as error:
        reraise_interruption(error)
        return orjson.dumps(to_plain(value))


def _options() -> int:
    # with the option orjson imports numpy by itself, in the middle of the user's call
    return orjson.OPT_SERIALIZE_NUMPY if "numpy" in sys.modules else 0


def clip(value: object, limit: int) -> tuple[object, int]:
    """The value clipped where it cannot fit into ``limit`` bytes, and about its original size (0: not clipped).

    Checks only lengths, of the value and, in a dict, one level down: a list of millions must cost nothing.
    """
    if type(value) is not dict or len(value) > limit // 2:
        return _clip(value, limit)
    clipped, size = {}, 0
    for key, item in value.items():
        if type(item) in _SIZED and len(item) * 2 > limit:
            clipped[key], item_size = _clip(item, limit)
            size += item_size
    return ({**value, **clipped}, size) if size else (value, 0)


def _clip(value: Any, limit: int) -> tuple[object, int]:
    kind = type(value)
    if kind is str:
        if len(value) > limit and ";base64," not in value[:200]:
            return cut_text(value, limit), len(value)
    elif kind in (bytes, bytearray):
        if len(value) > _BYTES_LIMIT:
            return f"[left out: {len(value)} bytes]", len(value)
    elif kind in _SIZED and len(value) * 2 > limit:  # an item takes two bytes at least
        kept = limit // 64
        if kind is dict:
            return {**dict(islice(value.items(), kept)), "[cut]": f"{len(value) - kept} more entries"}, 2 * len(value)
        return [*islice(value, kept), f"[cut: {len(value) - kept} more items]"], 2 * len(value)
    return value, 0


def cut(encoded: bytes, limit: int) -> bytes:
    """JSON that is too long, with its strings and containers shortened until it fits."""
    value = orjson.loads(encoded)
    for max_string, max_items in ((limit // 2, 10_000), (limit // 16, 2_000), (limit // 256, 500), (256, 50), (64, 10)):
        shorter = orjson.dumps(_shorten(value, max(max_string, 16), max_items))
        if len(shorter) <= limit:
            return shorter
    return orjson.dumps(f"[left out: {len(encoded)} bytes of JSON]")


def _shorten(value: Any, max_string: int, max_items: int) -> Any:
    if isinstance(value, str):
        return cut_text(value, max_string)
    if isinstance(value, list):
        items = [_shorten(item, max_string, max_items) for item in value[:max_items]]
        return [*items, f"[cut: {len(value) - max_items} more items]"] if len(value) > max_items else items
    if isinstance(value, dict):
        pairs = list(value.items())
        shorter = {cut_text(k, max_string): _shorten(v, max_string, max_items) for k, v in pairs[:max_items]}
        if len(pairs) > max_items:
            shorter["[cut]"] = f"{len(pairs) - max_items} more entries"
        return shorter
    return value


def cut_text(text: str, limit: int) -> str:
    """The first ``limit`` characters, with a note of how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… [cut: {len(text) - limit} more characters]"


def to_jsonable(value: Any) -> Any:
    """A value unknown to JSON converted by one step; orjson calls this again for the parts."""
    kind = type(value)
    fields_set = getattr(value, "__pydantic_fields_set__", None)
    if fields_set is not None and hasattr(kind, "__pydantic_serializer__"):
        return _pydantic_fields(value, fields_set)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes(bytes(value))
    if kind.__name__ in _SENTINEL_TYPES:
        return None
    if isinstance(value, tuple):
        as_dict = getattr(value, "_asdict", None)
        return as_dict() if as_dict is not None else list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Set, deque)):
        return list(value)
    if isinstance(value, BaseException):
        return {"type": kind.__qualname__, "message": text_of(value)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name, None) for field in kind.__attrs_attrs__}
    if hasattr(kind, "__fspath__"):
        return text_of(value)
    return _repr(value)


def _bytes(value: bytes) -> str:
    """ASCII text as Python's literal, which can be read and redacted; other bytes as a data URL."""
    if len(value) <= _REPR_LIMIT and value.isascii() and value.decode("ascii").replace("\n", "").isprintable():
        return repr(value)
    return f"data:application/octet-stream;base64,{base64.b64encode(value).decode()}"


def _pydantic_fields(value: Any, fields_set: set[str]) -> JsonObject:
    """A pydantic model's fields, without a serialiser's warnings; unset fields that are None are left out."""
    fields = {k: v for k, v in value.__dict__.items() if (v is not None or k in fields_set)}
    extra = getattr(value, "__pydantic_extra__", None)
    return {**fields, **extra} if extra else fields


def text_of(value: object) -> str:
    """``str()`` of the value, also when its ``__str__`` is broken."""
    try:
        return str(value)
    except Exception as error:
        reraise_interruption(error)
        return f"<{type(value).__qualname__} without text>"


def _repr(value: object) -> str:
    try:
        return cut_text(repr(value), _REPR_LIMIT)
    except Exception as error:
        reraise_interruption(error)
        return f"<{type(value).__module__}.{type(value).__qualname__}: its repr raised {type(error).__name__}>"


def to_plain(value: object) -> Any:
    """The value as dicts, lists, strings and numbers of JSON: slow, for values that the fast way refuses."""
    return _plain(value, 0, set())


def _plain(value: Any, depth: int, ancestors: set[int]) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else _repr(value)
    if id(value) in ancestors:
        return f"<circular reference to {type(value).__qualname__}>"
    if depth >= _DEPTH_LIMIT:
        return f"<nested deeper than {_DEPTH_LIMIT} levels>"
    ancestors.add(id(value))
    try:
        return _plain_container(value, depth, ancestors)
    except Exception as error:
        reraise_interruption(error)
        return f"<{type(value).__qualname__}: reading it raised {type(error).__name__}>"
    finally:
        ancestors.discard(id(value))


def _plain_container(value: Any, depth: int, ancestors: set[int]) -> Any:
    if isinstance(value, Mapping):
        return {_key_text(k): _plain(v, depth + 1, ancestors) for k, v in list(value.items())}
    if isinstance(value, (list, Set, deque)) or (isinstance(value, tuple) and not hasattr(value, "_asdict")):
        return [_plain(item, depth + 1, ancestors) for item in list(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name, None), depth + 1, ancestors) for name in names}
    try:
        return orjson.loads(orjson.dumps(value, None, _options()))
    except Exception as error:
        reraise_interruption(error)
        step = to_jsonable(value)
    if isinstance(step, str):
        return clean_text(step)
    return _plain(step, depth + 1, ancestors)


def _key_text(key: object) -> str:
    if isinstance(key, str):
        return clean_text(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return clean_text(_repr(key))


def clean_text(text: str) -> str:
    """Text with lone surrogates, which UTF-8 cannot encode, replaced by their escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str(text)


def is_primitive_list(value: Sequence[object]) -> bool:
    """Whether the sequence can be an OpenTelemetry attribute: strings, numbers or booleans, all of one type."""
    kinds = {type(item) for item in value}
    return len(kinds) == 1 and kinds <= {str, int, float, bool}

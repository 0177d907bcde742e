"""Values of OTLP in its JSON form: attributes, times and ids.

Source: OpenTelemetry protocol 1.x, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Any

from tracer._json import JsonMapping, JsonObject

UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError)
_TIMES = range(2**63)  # ns; fixed64 has room for twice as many, stores have not
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def reason_of(error: BaseException) -> str:
    """Why a span or a log record could not be read."""
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)


def attributes_from_otlp(pairs: Sequence[JsonMapping] | JsonObject | None) -> JsonObject:
    """Attributes by their keys."""
    if isinstance(pairs, dict):  # decoded already, from protobuf
        return pairs
    return {pair["key"]: value_from_otlp(pair.get("value") or {}) for pair in pairs or ()}


def value_from_otlp(value: JsonMapping) -> Any:
    """The value of an AnyValue."""
    for kind, content in value.items():
        if kind == "intValue":
            return int(content)
        if kind == "doubleValue":
            return _SPECIAL_FLOATS[content] if content in _SPECIAL_FLOATS else float(content)
        if kind == "arrayValue":
            return [value_from_otlp(item or {}) for item in (content or {}).get("values") or ()]
        if kind == "kvlistValue":
            return attributes_from_otlp((content or {}).get("values"))
        if kind in ("stringValue", "boolValue", "bytesValue"):  # bytes stay base64: records are JSON
            return content
    return None


def time_of(value: str | int | float | None, field: str) -> int:
    """A time in ns; 0 for none. Raises ValueError for one that there is not."""
    time = int(value or 0)
    if time not in _TIMES:
        raise ValueError(f"{field} is {time!r:.40}, no time that there is")
    return time


def hex_id(value: str, size: int, field: str) -> str:
    """An id in lower-case hex, from hex (OTLP) or base64 (protobuf's own JSON writers)."""
    try:
        if len(value) == size * 2:
            decoded = bytes.fromhex(value)
        else:
            decoded = base64.b64decode(value, validate=True)
    except (ValueError, TypeError, binascii.Error):
        decoded = b""
    if len(decoded) != size or not any(decoded):
        raise ValueError(f"{field} is {value!r}, not {size * 2} hex digits")
    return decoded.hex()

"""Token usage of a span, and its time to the first chunk, from its attributes."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping

_NAMES = {key: name for name, key in semconv.TOKEN_USAGE.items()}
_PLACES = {key: place for place, key in enumerate(_NAMES)}
_LIMIT = 10**15  # sums of counts up to this limit stay far from an overflow
_SECONDS_LIMIT = 10**9


def token_usage(attributes: JsonMapping) -> dict[str, int] | None:
    """Counts by the names of semconv.TOKEN_USAGE, in their order; one of input or output has a total beside it."""
    usage: dict[str, int] = {}
    for key in sorted(attributes.keys() & _NAMES.keys(), key=_PLACES.__getitem__):
        count = _count(attributes[key])
        if count is not None:
            usage[_NAMES[key]] = count
    if not usage:
        return None
    if "total_tokens" not in usage and ("input_tokens" in usage or "output_tokens" in usage):
        usage["total_tokens"] = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    return usage


def first_chunk_ns(attributes: JsonMapping) -> int | None:
    """ns from the start to the first chunk; None for what cannot be that time."""
    seconds = attributes.get(semconv.TIME_TO_FIRST_CHUNK)
    return int(seconds * 1e9) if isinstance(seconds, (int, float)) and 0 <= seconds < _SECONDS_LIMIT else None


def _count(value: object) -> int | None:
    if type(value) is int and 0 <= value <= _LIMIT:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LIMIT:
        return None
    return int(value)

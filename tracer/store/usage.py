"""Token usage of a span, from its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer import semconv

_NAMES = tuple(semconv.TOKEN_USAGE.items())
_KEYS = frozenset(semconv.TOKEN_USAGE.values())
_LIMIT = 10**15  # far from what sums of them could overflow


def token_usage(attributes: Mapping[str, Any]) -> dict[str, int] | None:
    """Counts by the names of semconv.TOKEN_USAGE, what is no count left out; a part always has a total."""
    given = attributes.keys() & _KEYS
    if not given:
        return None
    counts = {name: _count(attributes[key]) for name, key in _NAMES if key in given}
    usage = {name: count for name, count in counts.items() if count is not None}
    if "total_tokens" not in usage and ("input_tokens" in usage or "output_tokens" in usage):
        usage["total_tokens"] = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    return usage or None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LIMIT:
        return None
    return int(value)

"""Gives a span record of doubtful origin the shape of tracer/record.py, so that readers need not doubt it."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, type] = {
    **dict.fromkeys(("parent_id", "name", "type", "status", "message", "scope", "trace_state"), str),
    **dict.fromkeys(("attributes", "json", "dropped"), dict),
    **dict.fromkeys(("start", "end", "otel_kind"), int),
    **dict.fromkeys(("events", "links"), list),
}
_INT64 = 2**63


def put_in_shape(record: dict[str, Any]) -> bool:
    """Leave out of a span record what has another type than it should; whether there was anything."""
    wrong = [name for name, value in record.items() if not _is_in_shape(value, _TYPES.get(name))]
    for name in wrong:
        del record[name]
    return bool(wrong)


def _is_in_shape(value: object, wanted: type | None) -> bool:
    if wanted is None:
        return True
    if type(value) is not wanted:
        return False
    if wanted is int:
        return _is_whole(value)
    return wanted is not list or _is_list_of_moments(value)


def _is_whole(value: object) -> bool:
    return type(value) is int and -_INT64 <= value < _INT64


def _is_list_of_moments(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("attributes", {}), dict)
        and _is_whole(item.get("time", 0))
        and all(isinstance(item.get(name, ""), str) for name in ("name", "trace_id", "span_id"))
        for item in value
    )

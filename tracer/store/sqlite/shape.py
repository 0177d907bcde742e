"""Gives a span record of doubtful origin the shape of tracer/_records/record.py, so that readers need not doubt it."""

from __future__ import annotations

from tracer._json import JsonObject

_NUMBERS = ("start", "end", "otel_kind")
_LISTS = ("events", "links")
_TYPES: dict[str, type] = {
    **dict.fromkeys(("parent_id", "name", "type", "status", "message", "scope", "trace_state"), str),
    **dict.fromkeys(("attributes", "json", "dropped"), dict),
    **dict.fromkeys(_NUMBERS, int),
    **dict.fromkeys(_LISTS, list),
}
_INT64 = 2**63


def put_in_shape(record: JsonObject) -> bool:
    """Remove the fields of a span record that have the wrong type; whether there were any."""
    wrong = [name for name, value in record.items() if name in _TYPES and type(value) is not _TYPES[name]]
    wrong += [name for name in _NUMBERS if name in record and not _is_whole(record[name])]
    wrong += [name for name in _LISTS if name in record and not _is_list_of_moments(record[name])]
    for name in wrong:
        record.pop(name, None)
    return bool(wrong)


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

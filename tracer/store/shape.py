"""Gives a record of any origin the shape of tracer/_records/record.py, so that readers can rely on it.

Every record passes here, from any source: a journal, the server's API, OTLP, a file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable

from tracer._json import JsonObject

_INT64 = 2**63
_URL_SAFE = str.maketrans("-_", "+/")


def put_in_shape(record: JsonObject) -> bool:
    """Remove the fields of a record that have the wrong type or no possible value; whether there were any."""
    checks = _CHECKS.get(record["kind"], _TIMES)
    wrong = [
        name
        for name, value in record.items()
        if (name in _TYPES and type(value) is not _TYPES[name]) or (name in checks and not checks[name](value))
    ]
    for name in wrong:
        del record[name]
    return bool(wrong)


def attachment_content(record: JsonObject) -> bytes:
    """The content of an attachment. Raises ValueError for one that is not base64, or of another digest."""
    content, digest = record.get("content"), record.get("id")
    if not isinstance(content, str):
        raise ValueError("an attachment without content")
    try:
        plain = base64.b64decode(content.translate(_URL_SAFE))
    except binascii.Error as error:
        raise ValueError(f"an attachment that is not base64: {error}") from None
    if hashlib.sha256(plain).hexdigest() != digest:
        raise ValueError(f"an attachment under {digest!r:.80}, which is not its sha256")
    return plain


def _is_whole(value: object) -> bool:
    return type(value) is int and -_INT64 <= value < _INT64


def _is_time(value: object) -> bool:
    return type(value) is int and 0 <= value < _INT64


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_time, value.values()))


def _are_events(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("attributes", {}), dict)
        and _is_time(item.get("time", 0))
        and isinstance(item.get("name", ""), str)
        for item in value
    )


def _is_event(value: object) -> bool:
    return _are_events([value])


def _is_span(value: object) -> bool:
    if not isinstance(value, dict) or value.get("kind") != "span" or put_in_shape(value):
        return False
    return "start" in value and "end" in value


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_attachments(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "content" in each for each in value)


def _are_links(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("attributes", {}), dict)
        and all(isinstance(item.get(name), str) for name in ("trace_id", "span_id"))
        for item in value
    )


_TYPES: dict[str, type] = {
    **dict.fromkeys(("parent_id", "name", "message", "scope", "trace_state"), str),
    **dict.fromkeys(("attributes", "json", "dropped", "resource", "source", "tags", "params", "metrics"), dict),
    **dict.fromkeys(("event", "span", "joined"), dict),
    **dict.fromkeys(("start", "end", "time", "created", "started", "ended", "otel_kind"), int),
    **dict.fromkeys(("events", "links"), list),
}
_Check = Callable[[object], bool]
_TIMES: dict[str, _Check] = dict.fromkeys(("start", "end", "time", "created", "started", "ended"), _is_time)
_SPAN: dict[str, _Check] = {
    "start": _is_time,
    "end": _is_time,
    "type": _is_text,
    "status": ("UNSET", "OK", "ERROR").__contains__,
    "otel_kind": _is_whole,
    "dropped": _are_counts,
    "events": _are_events,
    "links": _are_links,
    "known_as": _are_ids,
}
# checks of the fields by kind; other kinds have only times to check
_CHECKS: dict[object, dict[str, _Check]] = {
    "span": _SPAN,
    "start": _SPAN,
    "log": {"time": _is_time, "event": _is_event, "span": _is_span, "attachments": _are_attachments},
    "trace": {"time": _is_time, "state": ("OK", "ERROR", "IN_PROGRESS", "INTERRUPTED").__contains__},
    "assessment": {
        "time": _is_time,
        "type": ("feedback", "expectation").__contains__,
        "source": _are_texts,
        "metadata": _are_texts,
    },
    "model": {**_TIMES, "deleted": _is_flag},
    "registered": {"time": _is_time, "number": _is_number, "tags": _are_texts, "content": _is_object},
    "alias": {"time": _is_time, "id": _is_text},
}

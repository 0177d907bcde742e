"""What a span's methods take from a program that must go on: what is of no use is left out, and said once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tracer._fault import log_once
from tracer._json import encode, is_primitive_list, text_of


def nanoseconds(value: Any, name: str) -> int | None:
    """A time in ns since the epoch from what a user gave: an int, or a datetime."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, datetime):
        return int(value.timestamp() * 1e9)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return int(value)
    ignored(name, value, "ns since the epoch, as time.time_ns() gives them, or a datetime")
    return None


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """What a user gave as a dict, or an empty one."""
    if type(value) is dict or isinstance(value, Mapping):
        return value
    ignored(what, value, "a dict")
    return {}


def event_value(value: Any) -> Any:
    """An event's attribute in OpenTelemetry's types: JSON text where they have none for it."""
    if isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)) and is_primitive_list(value):
        return list(value)
    return encode(value).decode()


def ignored(what: str, given: Any, expected: str) -> None:
    """Say that something was left out, and what it should have been."""
    log_once(f"{what} {type(given)}", "tracer ignored %s: got %.200s, expected %s", what, text_of(given), expected)

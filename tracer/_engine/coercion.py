"""Lenient conversion of arguments of a span's methods: unusable ones are left out, and logged once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tracer._encoding.text import cut_text, text_of
from tracer._fault import log_once
from tracer._json import JsonMapping, encode_at_most, is_short_list

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue


def nanoseconds(value: object, name: str) -> int | None:
    """A time in ns since the epoch, from an int or a datetime; None for anything else."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, datetime):
        return int(value.timestamp() * 1e9)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return int(value)
    ignored(name, value, "ns since the epoch, as time.time_ns() gives them, or a datetime")
    return None


def mapping(value: object, name: str) -> JsonMapping:
    """The given mapping, or an empty one in the place of anything else."""
    if type(value) is dict or isinstance(value, Mapping):
        return value
    ignored(name, value, "a dict")
    return {}


def event_value(value: Any, limit: int) -> AttributeValue:
    """An event's attribute in OpenTelemetry's types, within ``limit`` bytes: JSON text where they have none for it."""
    kind = type(value)
    if issubclass(kind, str):
        return cut_text(str.__str__(value), limit)
    if issubclass(kind, (int, float)):
        return value  # type: ignore[no-any-return]
    if kind in (list, tuple) and is_short_list(value, limit):
        return list(value)
    return encode_at_most(value, limit).decode()


def ignored(name: str, given: object, expected: str) -> None:
    """Log once that an argument was left out, and which value was expected."""
    log_once(f"{name} {type(given)}", "tracer ignored %s: got %.200s, expected %s", name, text_of(given), expected)


def too_late(name: str, span_name: str) -> None:
    """Log once that something was told of a span that had ended."""
    log_once(
        "too late", "tracer ignored %s: the span %.200r has ended, and is written down as it was then", name, span_name
    )

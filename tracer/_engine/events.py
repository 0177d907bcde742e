"""Events and links of a span on their way into its record."""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import Link

from tracer._json import encode, is_primitive_list, to_plain


def event_value(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)) and is_primitive_list(value):
        return list(value)
    return encode(value).decode()


def event_record(name: str, timestamp: int, attributes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {"name": name, "time": timestamp}
    if attributes:
        record["attributes"] = attributes
    return record


def link_record(link: Link) -> dict[str, Any]:
    record: dict[str, Any] = {"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"}
    if link.attributes:
        record["attributes"] = to_plain(dict(link.attributes))
    return record

"""Tolerant reading of providers' JSON, in which any field may be missing, null, or of another type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from tracer import semconv
from tracer._json import JsonMapping, JsonObject

Arguments: TypeAlias = Mapping[str, Any]  # of a method of an SDK, by name, ``self`` included

_DEFAULT_PORTS = {"https": 443, "http": 80}


def as_dict(value: object) -> JsonObject:
    """The value if it is a dict; else an empty one."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: object) -> list[JsonObject]:
    """The dicts of a list; none where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The value if it is text, else None."""
    return value if isinstance(value, str) else None


def as_count(value: object) -> int:
    """The value if it is an integer, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def given(values: JsonObject) -> JsonObject:
    """The entries that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def error_in(body: JsonMapping, *kinds: str) -> JsonObject:
    """The error of a reply, as `Reply` takes it; its type is the first field of ``kinds`` that it has."""
    error = as_dict(body.get("error"))
    if not error:
        return {}
    kind = next((str(error[name]) for name in kinds if error.get(name)), "error")
    return {"error_type": kind, "error_message": as_text(error.get("message")) or kind}


def server_attributes(scheme: str, host: str | None, port: int | None) -> JsonObject:
    """The attributes of a server; without a port, the default port of the scheme."""
    return {semconv.SERVER_ADDRESS: host or None, semconv.SERVER_PORT: port or _DEFAULT_PORTS.get(scheme)}

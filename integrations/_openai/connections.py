"""Open connections of the SDK: operation, address and reader of each class."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from tracer import semconv
from tracer.provider import Connection, ConnectionDoor, ConnectionReader

from .hosts import provider_of
from .realtime import LiveReader, RealtimeReader, ResponsesReader


def open_realtime(connection: object) -> Connection | None:
    """A realtime session: speech or text both ways, one reply for each turn."""
    return _connection("realtime", connection, RealtimeReader())


def open_responses(connection: object) -> Connection | None:
    """The Responses API over a connection that stays open."""
    return _connection("responses.connect", connection, ResponsesReader())


def open_live(connection: object) -> Connection | None:
    """A live session: a conversation without turns, which delegates tasks to other models."""
    return _connection("live", connection, LiveReader())


def open_translation(connection: object) -> Connection | None:
    """Simultaneous translation of speech."""
    return _connection("realtime.translations", connection, LiveReader())


def _connection(name: str, connection: object, reader: ConnectionReader) -> Connection:
    request = getattr(getattr(connection, "_connection", None), "request", None)
    headers = getattr(request, "headers", None)
    host, _, port = str((headers.get("Host") if headers is not None else "") or "").partition(":")
    url = urlsplit(str(getattr(request, "path", "")))
    query = parse_qs(url.query)
    model = next((query[key][0] for key in ("model", "deployment") if query.get(key)), None)
    attributes = {
        semconv.SERVER_ADDRESS: host or None,
        semconv.SERVER_PORT: int(port) if port.isdigit() else None,
    }
    return Connection(name, reader, model=model, provider=provider_of(host, ""), attributes=attributes)


_CLASSES: tuple[tuple[str, str, Callable[[object], Connection | None]], ...] = (
    ("realtime.realtime", "RealtimeConnection", open_realtime),
    ("beta.realtime.realtime", "RealtimeConnection", open_realtime),
    ("realtime.translations.translations", "TranslationsConnection", open_translation),
    ("responses.responses", "ResponsesConnection", open_responses),
    ("beta.responses.responses", "ResponsesConnection", open_responses),
    ("live.live", "LiveConnection", open_live),
    ("live.forks", "ForksConnection", open_live),
    ("live.sideband", "SidebandConnection", open_live),
)

CONNECTION_DOORS = tuple(
    ConnectionDoor(f"openai.resources.{module}:{prefix}{name}", read)
    for module, name, read in _CLASSES
    for prefix in ("", "Async")
)
"""The SDK's connection classes; older versions lack some or all of them."""

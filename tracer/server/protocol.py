"""uvicorn's HTTP protocol with limits for unfinished headers, idle connections, and clients that do not read."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 1000
HEADER_BYTES = 64 * 1024


def protocol_for(header_seconds: float, most_connections: int) -> type[asyncio.Protocol]:
    """A protocol with these limits instead of the usual ones."""
    limits = {"header_seconds": header_seconds, "most_connections": most_connections}
    return type("OwnLimitsProtocol", (LimitedProtocol,), limits)


class LimitedProtocol(H11Protocol):
    """Closes connections without headers in time, the longest idle one of many, and those that do not read."""

    header_seconds: float = 30.0
    read_seconds: float = 30.0  # within which a client has to read some of the response
    most_connections: int = 900  # from this number on a new connection closes the longest idle one
    _header_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.app: Any = _with_one_length(self.app)

    def connection_made(self, transport: Any) -> None:
        if len(self.connections) >= self.most_connections:
            self._close_longest_idle()
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._stop_watching_reads()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reads(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._stop_watching_reads()
        super().resume_writing()

    def _close_longest_idle(self) -> None:
        """Idle connections must not keep new requests out."""
        others = (other for other in self.connections if isinstance(other, LimitedProtocol))
        idle = {other: other.idle_until for other in others if other.idle_until is not None}
        if idle:
            min(idle, key=idle.__getitem__).transport.close()

    @property
    def idle_until(self) -> float | None:
        """Time at which this connection will be closed if nothing arrives; None during a request."""
        waiting = self._header_timer or self.timeout_keep_alive_task
        return None if waiting is None or self.transport.is_closing() else waiting.when()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:  # headers are complete; bodies have a time limit of their own
            self._stop_watching()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_seconds, self._close_late)

    def _stop_watching(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close_late(self) -> None:
        self._header_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def _watch_reads(self, unread: int) -> None:
        self._read_timer = self.loop.call_later(self.read_seconds, self._abort_if_unread, unread)

    def _stop_watching_reads(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _abort_if_unread(self, before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread < before:  # a slow reader still reads
            self._watch_reads(unread)
        else:
            self._read_timer = None
            self.transport.abort()


def _with_one_length(app: ASGIApp) -> ASGIApp:
    """Refuses requests that give the length of their body twice: a proxy may go by the other one (RFC 9112, 6.1)."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope.get("headers") or ()}
        if scope["type"] == "http" and names >= {b"content-length", b"transfer-encoding"}:
            refusal = "a request has a Content-Length or a Transfer-Encoding, not both\n"
            await Response(refusal, 400, {"Connection": "close"}, "text/plain")(scope, receive, send)
        else:
            await app(scope, receive, send)

    return checked

"""uvicorn's HTTP protocol with a timeout for request headers and a limit for idle connections."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_for(header_seconds: float, most_connections: int) -> type[asyncio.Protocol]:
    """A protocol that closes connections without headers in time, and the longest idle one where there are too many."""
    limits = {"header_seconds": header_seconds, "most_connections": most_connections}
    return type("LimitedProtocol", (_Protocol,), limits)


class _Protocol(H11Protocol):
    header_seconds: float
    most_connections: int  # from this number on a new connection closes the longest idle one
    _header_timer: asyncio.TimerHandle | None = None

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
        super().connection_lost(exc)

    def _close_longest_idle(self) -> None:
        """Idle connections must not keep new requests out."""
        others = (other for other in self.connections if isinstance(other, _Protocol))
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

"""uvicorn's HTTP protocol with an end to its patience: for headers that do not come, and for idle connections."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_for(seconds: float, room: int) -> type[asyncio.Protocol]:
    """A protocol that lets go of clients that do not send their headers in time, and of idle ones to make room."""
    return type("PatientProtocol", (_Protocol,), {"patience": seconds, "room": room})


class _Protocol(H11Protocol):
    patience: float
    room: int  # how many connections there may be before the longest idle one has to go
    _letting_go: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        if len(self.connections) >= self.room:
            self._make_room()
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Idle connections must not keep those out who have something to ask."""
        others = (other for other in self.connections if isinstance(other, _Protocol))
        idle = {other: other.idle_until for other in others if other.idle_until is not None}
        if idle:
            min(idle, key=idle.__getitem__).transport.close()

    @property
    def idle_until(self) -> float | None:
        """When this connection is let go of if nothing comes; None while something is asked or answered."""
        waiting = self._letting_go or self.timeout_keep_alive_task
        return None if waiting is None or self.transport.is_closing() else waiting.when()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:  # the headers are there; bodies have a limit of their own
            self._stop_watching()
        elif self._letting_go is None:
            self._letting_go = self.loop.call_later(self.patience, self._let_go)

    def _stop_watching(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None

    def _let_go(self) -> None:
        self._letting_go = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

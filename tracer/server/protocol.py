"""uvicorn's HTTP protocol with an end to its patience: it would wait for ever for the rest of a request's headers."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_for(seconds: float) -> type[asyncio.Protocol]:
    """A protocol that lets go of clients that do not send their headers in time."""
    return type("PatientProtocol", (_Protocol,), {"patience": seconds})


class _Protocol(H11Protocol):
    patience: float
    _letting_go: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

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

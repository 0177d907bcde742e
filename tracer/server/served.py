"""A store that is served, and what runs beside its requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Final

from anyio import CapacityLimiter
from starlette.requests import Request

from tracer.server.heartbeats import Heartbeats
from tracer.server.indexer import Indexer
from tracer.server.live import Live
from tracer.server.retention import Retention
from tracer.server.settings import ServerSettings
from tracer.store import Store

_READERS = 16
SERVED: Final = "tracer.served"


class Served:
    """One store with its limiters, threads and listeners; to be made within the event loop, to which they belong."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        settings: ServerSettings,
        *,
        place: str,
        is_read_only: bool = False,
    ) -> None:
        self.open_store = open_store
        self.place = place
        self.is_read_only = is_read_only
        self.readers = CapacityLimiter(_READERS)
        self.indexer = Indexer(open_store)
        self.heartbeats = Heartbeats(open_store, settings.heartbeat_timeout_seconds)
        self.retention = Retention(open_store)
        self.live = Live(partial(_change_number, open_store))

    @cached_property
    def writers(self) -> CapacityLimiter:
        """Lets as many requests write at once as the store has use for."""
        return CapacityLimiter(self.open_store().appends_at_once)

    def start(self) -> None:
        """Start the threads."""
        self.indexer.start()
        self.heartbeats.start()
        if not self.is_read_only:
            self.retention.start()

    def stop(self) -> None:
        """End the threads and the streams."""
        self.live.close()
        self.stop_threads()

    def stop_threads(self) -> None:
        """End the threads, from any thread."""
        self.retention.stop()
        self.heartbeats.stop()
        self.indexer.stop()


def served(request: Request) -> Served:
    """The store that a request is for."""
    found: Served = request.scope[SERVED]
    return found


def _change_number(open_store: Callable[[], Store]) -> int:
    return open_store().change_number()

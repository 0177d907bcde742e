"""Runs the server until a signal; responses that have started are completed."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import LOGGING_CONFIG

from tracer._fault import logger
from tracer.config import is_host
from tracer.errors import TracerError
from tracer.server.protocol import HEADER_BYTES, MOST_CONNECTIONS, LimitedProtocol, protocol_for
from tracer.server.settings import ServerSettings

_GRACE_SECONDS = 10
_LAST_SECONDS = 10  # after the grace: for remaining work of the store, the journal and their threads
_BACKLOG = 512
_NEW_OBJECTS = 10_000  # between two garbage collections: a batch makes thousands that live until it is written


class CannotListenError(TracerError):
    """The address is not available."""


def listen(settings: ServerSettings) -> socket.socket:
    """A listening socket, so that the port is known before serving. Raises CannotListenError."""
    if not is_host(settings.host):
        raise CannotListenError(
            f"cannot listen on {settings.host!r:.80}: there can be no such host; --host names another"
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # asyncio's, with the address once more
        raise CannotListenError(
            f"cannot listen on {settings.host} port {settings.port}: {reason}; --port names another"
        ) from error
    # inherited by connections: asyncio sets it only for sockets with an explicit protocol number, and without it the
    # body of a response waits some 40 ms for the client's acknowledgement of the head
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(app: Starlette, listening: socket.socket, *, ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; requests in progress are completed. The process is then over within 20 s.

    Its log is that of `logs.write_log`.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    make_server(app, ready, is_alone=True).run([listening])


def make_server(app: Starlette, ready: Callable[[], None] | None = None, *, is_alone: bool = False) -> uvicorn.Server:
    """The server, to be run with a listening socket; where it is alone in its process, that ends with it."""
    config = uvicorn.Config(
        app,
        http=protocol_for(app.state.settings.receive_seconds, LimitedProtocol.most_connections),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        log_config=None if is_alone else LOGGING_CONFIG,
    )
    return _Server(config, app, ready, is_alone=is_alone)


class _Server(uvicorn.Server):
    """Ends live streams at shutdown, since they never end by themselves."""

    def __init__(
        self, config: uvicorn.Config, app: Starlette, ready: Callable[[], None] | None, *, is_alone: bool
    ) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready
        self._is_alone = is_alone
        self._drained_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, if the settings ask for it; the second one ends that."""
        drain_seconds = self._app.state.settings.drain_seconds
        self._app.state.readiness.is_stopping = True
        if sig == signal.SIGTERM and drain_seconds and self._drained_at is None:
            self._drained_at = time.monotonic() + drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            return True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.readiness.is_stopping = True
        if self._is_alone:
            _end_within(_GRACE_SECONDS + _LAST_SECONDS)
        self._app.state.stores.end_streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises a captured signal again after the shutdown; here the process exits in an orderly way."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _end_within(seconds: float) -> None:
    """End the process within this time, even if a thread hangs: no request that it works for was answered."""

    def end() -> None:
        logger.error("tracer server: something did not end within %s s; what it was about was not answered", seconds)
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()

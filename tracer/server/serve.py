"""Runs the server until a signal; responses that have started are completed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from tracer.errors import TracerError
from tracer.server.protocol import HEADER_BYTES, MOST_CONNECTIONS, LimitedProtocol, protocol_for
from tracer.server.settings import ServerSettings

_GRACE_SECONDS = 10
_BACKLOG = 512


class CannotListenError(TracerError):
    """The address is not available."""


def listen(settings: ServerSettings) -> socket.socket:
    """A listening socket, so that the port is known before serving. Raises CannotListenError."""
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
    """Serve until SIGINT or SIGTERM; requests in progress are completed."""
    make_server(app, ready).run([listening])


def make_server(app: Starlette, ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """The server, to be run with a listening socket."""
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
    )
    return _Server(config, app, ready)


class _Server(uvicorn.Server):
    """Ends live streams at shutdown: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, app: Starlette, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.live.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises a captured signal again after the shutdown; here the process exits in an orderly way."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

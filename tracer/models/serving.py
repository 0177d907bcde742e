"""Serving a model: ``tracer models serve``, in one process or in several on one port and one store."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import orjson

from tracer._engine.runtime import runtime
from tracer._json import JsonMapping, JsonObject
from tracer.config import is_host
from tracer.errors import InvalidArgumentError
from tracer.models.loaded import LoadedModel
from tracer.models.loading import load_model
from tracer.models.serving_app import Limits, ModelServer

if TYPE_CHECKING:
    from starlette.applications import Starlette

_VARIABLE = "TRACER_SERVED_MODEL"  # from the supervisor to its workers
_BACKLOG = 2048
_GRACE_SECONDS = 30


@dataclass(frozen=True)
class Serving:
    """The model to serve, and how."""

    model_uri: str
    trust: bool = False
    host: str = "127.0.0.1"
    port: int = 5001
    workers: int = 1
    model_config: JsonMapping | None = None


def serve(
    serving: Serving,
    limits: Limits,
    *,
    on_ready: Callable[[LoadedModel, str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then open requests are answered first, and all traces are flushed.

    ``on_ready`` is called with the model and the URL when the port is open. Raises errors of loading, or OSError if the
    port is taken.
    """
    import uvicorn

    from tracer.models.serving_workers import supervise
    from tracer.server.protocol import HEADER_BYTES, MOST_CONNECTIONS, LimitedProtocol

    if serving.workers < 1:
        raise InvalidArgumentError(f"workers: got {serving.workers}, expected at least 1.")
    model = load_model(serving.model_uri, trust=serving.trust, model_config=serving.model_config)
    listening = _listen(serving.host, serving.port)
    host, port = listening.getsockname()[:2]
    _exit_by_sigterm()
    if on_ready is not None:
        on_ready(model, f"http://{f'[{host}]' if ':' in host else host}:{port}")
    options: JsonObject = {
        "log_level": "warning", "server_header": False, "lifespan": "on", "timeout_graceful_shutdown": _GRACE_SECONDS,
        "http": LimitedProtocol, "ws": "none", "limit_concurrency": MOST_CONNECTIONS,
        "h11_max_incomplete_event_size": HEADER_BYTES,
    }  # fmt: skip
    try:
        if serving.workers == 1:
            uvicorn.Server(uvicorn.Config(ModelServer(model, limits).app(), **options)).run(sockets=[listening])
        else:
            os.environ["TRACER_STORE"] = runtime().store_url()
            with TemporaryDirectory(prefix="tracer-") as started:
                given = {"serving": asdict(serving), "limits": asdict(limits), "started": started}
                os.environ[_VARIABLE] = orjson.dumps(given).decode()
                target = f"{__name__}:app_of_worker"
                config = uvicorn.Config(target, factory=True, workers=serving.workers, **options)
                supervise(config, listening, Path(started))
    finally:
        listening.close()
        runtime().flush(_GRACE_SECONDS)


def _exit_by_sigterm() -> None:
    """uvicorn raises the signal again when it has ended: let that be an ordinary exit."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def app_of_worker() -> Starlette:
    """The application of a worker process, from the variable that the supervisor has set."""
    from tracer.models.serving_workers import note_start

    settings = orjson.loads(os.environ[_VARIABLE])
    serving = Serving(**settings["serving"])
    model = load_model(serving.model_uri, trust=serving.trust, model_config=serving.model_config)
    app = ModelServer(model, Limits(**settings["limits"])).app()
    note_start(Path(settings["started"]))
    return app


def _listen(host: str, port: int) -> socket.socket:
    if not is_host(host):
        raise OSError(errno.EINVAL, f"cannot serve at {host}:{port}: there can be no such host")
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.set_inheritable(True)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot serve at {host}:{port}: {error.strerror}") from error
    return listening

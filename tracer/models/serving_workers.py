"""The worker processes of a served model: one that ends is replaced, one that cannot start ends the server."""

from __future__ import annotations

import inspect
import os
import socket
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from tracer._json import JsonObject
from tracer.models.errors import ModelError

_STARTUP_FAILURE = 3  # uvicorn's exit code of a worker that cannot start
_ENDED = 1


def supervise(config: uvicorn.Config, listening: socket.socket, started: Path) -> None:
    """Serve with worker processes until a signal comes. Raises ModelError if one of them cannot start.

    ``started`` is an empty folder, in which each worker calls note_start.
    """
    arguments: JsonObject = {"sockets": [listening]}
    if "target" in inspect.signature(Multiprocess).parameters:  # until uvicorn 0.4x
        arguments["target"] = uvicorn.Server(config).run
    workers = _Workers(config, **arguments)
    workers.started = started
    workers.run()
    if any(worker.exitcode == _STARTUP_FAILURE for worker in workers.known()):
        raise ModelError("a worker process could not start; the lines above say why")


def note_start(started: Path) -> None:
    """Note that this worker has its model."""
    (started / str(os.getpid())).touch()


class _Workers(Multiprocess):
    started: Path

    def known(self) -> list[Any]:
        """The workers, of which uvicorn has made some since the last time."""
        return [worker if isinstance(worker, _Worker) else _Worker(worker, self.started) for worker in self.processes]

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended."""
        self.processes = self.known()
        super().keep_subprocess_alive()


class _Worker:
    """A worker whose exit code is that of a failed start, which ends the server, if and only if its start failed."""

    def __init__(self, worker: Any, started: Path) -> None:
        self._worker = worker
        self._started = started

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    @property
    def exitcode(self) -> int | None:
        code: int | None = self._worker.process.exitcode
        if not code or code < 0:  # still running, ended as requested, or ended by a signal
            return code
        has_started = (self._started / str(self._worker.process.pid)).exists()
        return _ENDED if has_started else _STARTUP_FAILURE

"""An event loop in a thread of its own, for programs that are not asynchronous and call what is."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import Any


class BackgroundLoop:
    """Runs all that it is given in one loop: clients keep connections from call to call. Starts with the first."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """What the awaitable comes to, in the caller's context; an interrupted caller cancels it."""
        loop = self._started()
        if asyncio._get_running_loop() is loop:
            raise RuntimeError("called from the loop that shall run it, which would wait for ever: await it there")
        future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop; what still runs in it is cancelled."""
        if self._finalizer is not None:
            self._finalizer()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None or self._process != os.getpid():  # after a fork the thread is not there
                if self._finalizer is not None:
                    self._finalizer.detach()
                if sys.is_finalizing():  # before Python 3.12, who starts a thread now waits for ever
                    raise RuntimeError("no loop can be started any more: the interpreter is shutting down")
                started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
                threading.Thread(target=asyncio.run, args=(_serve(started),), name="tracer-loop", daemon=True).start()
                self._loop, ending = started.result()
                self._process = os.getpid()
                self._finalizer = weakref.finalize(self, _end, self._loop, ending)
                self._finalizer.atexit = False  # a daemon's loop ends with the process
            return self._loop


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _serve(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    ending = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), ending))
    await ending.wait()


def _end(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(ending.set)
    except RuntimeError:  # closed already
        return

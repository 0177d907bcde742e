"""An event loop in its own thread, for synchronous programs that call asynchronous functions."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable
from concurrent.futures import Future
from functools import partial
from typing import TypeAlias, TypeVar

from tracer._threads import start_thread

_LONGEST_START_SECONDS = 30.0

T = TypeVar("T")
_Started: TypeAlias = "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]"


class BackgroundLoop:
    """Runs all calls in one loop, so that clients keep their connections; it starts with the first call."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._finalizer: weakref.finalize[[asyncio.AbstractEventLoop, asyncio.Event], BackgroundLoop] | None = None

    def run(self, awaitable: Awaitable[T]) -> T:
        """The awaitable's result, in the caller's context; an interruption of the caller cancels it."""
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
        """End the loop; calls that are still running are cancelled."""
        if self._finalizer is not None:
            self._finalizer()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None or self._process != os.getpid():  # after a fork the thread does not exist
                if self._finalizer is not None:
                    self._finalizer.detach()
                self._loop, ending = _start()
                self._process = os.getpid()
                self._finalizer = weakref.finalize(self, _end, self._loop, ending)
                self._finalizer.atexit = False  # the daemon thread's loop ends with the process
            return self._loop


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _start() -> tuple[asyncio.AbstractEventLoop, asyncio.Event]:
    started: _Started = Future()
    try:
        start_thread(partial(_run, started), "tracer-loop")
        return started.result(_LONGEST_START_SECONDS)
    except BaseException:
        started.add_done_callback(_end_unused)
        raise


def _run(started: _Started) -> None:
    try:
        asyncio.run(_serve(started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)  # such as no file descriptors left for a loop


def _end_unused(started: _Started) -> None:
    if started.exception() is None:
        _end(*started.result())


async def _serve(started: _Started) -> None:
    ending = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), ending))
    await ending.wait()


def _end(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(ending.set)
    except RuntimeError:  # closed already
        return

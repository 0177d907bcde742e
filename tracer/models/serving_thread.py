"""A thread for one request: all steps of a synchronous model run in it, never in the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[contextvars.Context, Callable[..., object], tuple[object, ...], "asyncio.Future[Any] | None"]


class RequestThreads:
    """A limited number of threads; daemons, since a model that hangs must not keep the server from ending."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self._limit = limit
        self._busy: set[RequestThread] = set()

    async def take(self) -> RequestThread:
        """A thread, when one is free."""
        await self._places.acquire()
        thread = RequestThread(asyncio.get_running_loop(), self._release)
        self._busy.add(thread)
        return thread

    def is_stuck(self) -> bool:
        """Whether no request can be answered: every thread works for a request that has timed out."""
        return len(self._busy) == self._limit and all(thread.is_given_up for thread in self._busy)

    def _release(self, thread: RequestThread) -> None:
        self._busy.discard(thread)
        self._places.release()

    async def wait_idle(self, timeout: float) -> None:
        """Wait until busy threads have ended, ``timeout`` seconds at most."""
        deadline = asyncio.get_running_loop().time() + timeout
        while self._busy and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)


class RequestThread:
    """Runs functions one after the other in a context that is copied from the caller's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[RequestThread], None]) -> None:
        self.is_given_up = False
        self._loop = loop
        self._on_end = on_end
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name="tracer-request", daemon=True).start()

    def run(self, function: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """The future of a call; to cancel it does not stop the call."""
        future = self._loop.create_future()
        self._jobs.put((contextvars.copy_context(), function, args, future))
        return future

    def end(self, *last: Callable[[], object]) -> None:
        """End after the queued calls and these, whose results are dropped."""
        for function in last:
            self._jobs.put((contextvars.copy_context(), function, (), None))
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            context, function, args, future = job
            result, error = None, None
            try:
                result = context.run(function, *args)
            except BaseException as raised:
                error = raised
            if future is not None:
                self._call_in_loop(_resolve, future, result, error)
            del job, context, function, args, future, result, error  # free the objects of a request when it is done
        self._call_in_loop(self._on_end, self)

    def _call_in_loop(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the server has ended meanwhile
            return


def _resolve(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    else:
        future.set_exception(RuntimeError(f"{type(error).__name__} in a model"))

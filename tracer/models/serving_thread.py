"""A thread for one request: what a model does one after the other happens in the same thread, and never in the loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_Job = tuple[contextvars.Context, Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any] | None"]


class RequestThreads:
    """Hands out threads, so many at once; daemons, since a model that hangs must not keep the server from ending."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self._limit = limit
        self._busy: set[RequestThread] = set()

    async def take(self) -> RequestThread:
        """A thread, when one is free."""
        await self._places.acquire()
        thread = RequestThread(asyncio.get_running_loop(), self._left)
        self._busy.add(thread)
        return thread

    def is_stuck(self) -> bool:
        """Whether nothing can be answered any more: every thread works on what nobody waits for."""
        return len(self._busy) == self._limit and all(thread.is_given_up for thread in self._busy)

    def _left(self, thread: RequestThread) -> None:
        self._busy.discard(thread)
        self._places.release()

    async def settle(self, timeout: float) -> None:
        """Wait until what is still at work has ended, for so many seconds at most."""
        deadline = asyncio.get_running_loop().time() + timeout
        while self._busy and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)


class RequestThread:
    """Runs functions one after the other in a context that is copied from the caller's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, left: Callable[[RequestThread], None]) -> None:
        self.is_given_up = False
        self._loop = loop
        self._left = left
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name="tracer-request", daemon=True).start()

    def run(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """The future of a call; cancelling it does not stop the call."""
        future = self._loop.create_future()
        self._jobs.put((contextvars.copy_context(), function, args, future))
        return future

    def end(self, *last: Callable[[], Any]) -> None:
        """End after what was asked for, and after these; nobody waits for them."""
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
                self._tell(_settle, future, result, error)
            del job, context, function, args, future, result, error  # nothing of a request outlives it
        self._tell(self._left, self)

    def _tell(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the server has ended meanwhile
            return


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    else:
        future.set_exception(RuntimeError(f"{type(error).__name__} in a model"))

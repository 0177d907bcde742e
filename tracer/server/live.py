"""Live updates: one watcher polls the change number of the store for all listeners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

from tracer._fault import log_once

_EVERY_SECONDS = 0.1
_KEEP_ALIVE_SECONDS = 15.0


class Live:
    """The change number of a store for any number of listeners; the store is not polled without one."""

    def __init__(self, change_number: Callable[[], int]) -> None:
        self._change_number = change_number
        self._number: int | None = None
        self._changed = asyncio.Event()
        self._listeners = 0
        self._watching: asyncio.Task[None] | None = None
        self._is_closing = False
        # a thread of its own, and so a connection: SQLite has a data_version for each
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tracer-watch")

    @property
    def listeners(self) -> int:
        """Number of open streams."""
        return self._listeners

    async def numbers(self) -> AsyncIterator[int | None]:
        """The change number at once and after each change; None as a keep-alive."""
        self._listeners += 1
        if self._watching is None or self._watching.done():
            self._number = None
            self._watching = asyncio.create_task(self._watch())
        sent: int | None = None
        try:
            while not self._is_closing:
                number = self._number
                if number is not None and number != sent:
                    sent = number
                    yield number
                elif not await self._has_changed():
                    yield None
        finally:
            self._listeners -= 1

    async def _has_changed(self) -> bool:
        try:
            await asyncio.wait_for(self._changed.wait(), _KEEP_ALIVE_SECONDS)
        except asyncio.TimeoutError:
            return False
        return True

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        number: int | None
        while self._listeners and not self._is_closing:
            started = time.monotonic()
            try:
                number = await loop.run_in_executor(self._thread, self._change_number)
            except Exception as error:
                log_once("watching", "tracer server cannot see changes of the store: %s", error)
                number = self._number
            if number != self._number:
                self._number = number
                self._notify()
            await asyncio.sleep(max(0.0, _EVERY_SECONDS - (time.monotonic() - started)))

    def _notify(self) -> None:
        moved, self._changed = self._changed, asyncio.Event()
        moved.set()

    def close(self) -> None:
        """End every listener's stream."""
        self._is_closing = True
        self._notify()
        self._thread.shutdown(wait=False)

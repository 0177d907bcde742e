"""A question to a store that is answered within a bound of time, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import to_thread

Answer = TypeVar("Answer")


class TooLateError(Exception):
    """The answer has not come in time; no error of a store is one."""


class Question(Generic[Answer]):
    """Asked by one thread at a time: a store that hangs takes one thread, however often it is asked."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._asked: asyncio.Task[Answer] | None = None

    async def answer(self, seconds: float) -> Answer:
        """The answer. Raises TooLateError if it does not come within so many seconds, and what asking raises."""
        asked = self._asked
        if asked is None or asked.done():
            asked = self._asked = asyncio.create_task(to_thread.run_sync(self._ask, abandon_on_cancel=True))
            asked.add_done_callback(_look_at)
        done, _ = await asyncio.wait({asked}, timeout=seconds)
        if not done:
            raise TooLateError(f"the store does not answer within {seconds:g} s")
        return asked.result()


def _look_at(asked: asyncio.Task[Answer]) -> None:
    """Take note of an error that comes after everybody has left: else asyncio logs that nobody did."""
    if not asked.cancelled():
        asked.exception()

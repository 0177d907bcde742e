"""A budget of bytes for the bodies that a server has in memory at once, so that no number of callers exhausts it."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from tracer.server.answer import AnswerError

_WAIT_SECONDS = 2.0  # for other bodies to be released
_SMALL = 1 << 20  # bytes, as of the batches that tracer's own programs send; a quarter of the budget is for these alone


class BodyBudget:
    """A number of bytes that bodies share; belongs to one event loop."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._for_small = size // 4
        self._freed = asyncio.Event()

    @property
    def held(self) -> int:
        """Bytes that are taken."""
        return self._size - self._left

    def body(self) -> HeldBytes:
        """A body that takes its bytes from the budget, within ``with``."""
        return HeldBytes(self)

    async def take(self, size: int, *, is_small: bool) -> None:
        """Take bytes, once they are there. Raises AnswerError if they are not within a moment."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while size > self._left - (0 if is_small else self._for_small):
            try:
                await asyncio.wait_for(self._freed.wait(), deadline - time.monotonic())
            except asyncio.TimeoutError:
                raise AnswerError(503, "the server has many large bodies to read; send it again later") from None
        self._left -= size

    def give_back(self, size: int) -> None:
        """Let others have these bytes."""
        if not size:
            return
        self._left += size
        self._freed.set()
        self._freed = asyncio.Event()


class HeldBytes:
    """The bytes that one body takes from the budget until it is released."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._size = 0

    def __enter__(self) -> HeldBytes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget.give_back(self._size)

    async def grow_to(self, size: int) -> None:
        """Take the missing bytes up to a size. Raises AnswerError if there is no room for them in time."""
        if size > self._size:
            await self._budget.take(size - self._size, is_small=size <= _SMALL)
            self._size = size

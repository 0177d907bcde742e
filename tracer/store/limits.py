"""Time limits of a caller's queries: a store gives up a query when the limit is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tracer.errors import QueryTimeoutError


@dataclass(frozen=True)
class Deadline:
    """The end of a caller's time, and of its thread's work; None is no limit of the work."""

    time: float  # by time.monotonic()
    work: float | None  # by time.thread_time()

    def is_over(self) -> bool:
        """Whether one of the two has been reached."""
        return time.monotonic() > self.time or (self.work is not None and time.thread_time() > self.work)


_deadline: ContextVar[Deadline | None] = ContextVar("tracer_store_deadline", default=None)


@contextmanager
def time_limit(seconds: float, *, work_seconds: float | None = None) -> Iterator[None]:
    """Within the block, a query that takes longer, or more work of this thread, raises QueryTimeoutError."""
    work = None if work_seconds is None else time.thread_time() + work_seconds
    token = _deadline.set(Deadline(time.monotonic() + seconds, work))
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline() -> Deadline | None:
    """When the time is over; None where there is no limit."""
    return _deadline.get()


def check_deadline() -> None:
    """Raise QueryTimeoutError when the time is over."""
    ends = _deadline.get()
    if ends is not None and ends.is_over():
        raise took_too_long()


def took_too_long() -> QueryTimeoutError:
    """The error of a query whose time is over."""
    return QueryTimeoutError(
        "the question took too long; ask for a shorter time, or for fewer conditions on texts and spans"
    )

"""How long the questions of a caller may take: a store that is asked within a limit gives up when it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("tracer_store_deadline", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Inside, a question that takes longer raises QueryTimeoutError."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline() -> float | None:
    """When the time is over, by time.monotonic(); None where there is no limit."""
    return _deadline.get()

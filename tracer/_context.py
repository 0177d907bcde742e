"""Which span is current: a context variable of tracer's own, so that other tracing neither disturbs nor is disturbed."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from tracer.span import LiveSpan, UnrecordedSpan

    CurrentSpan = Union[LiveSpan, UnrecordedSpan, None]

current: ContextVar[CurrentSpan] = ContextVar("tracer_current_span", default=None)

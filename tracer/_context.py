"""Which span is current: a context variable of tracer's own, apart from any other tracing."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from tracer._unrecorded import UnrecordedSpan
    from tracer.span import LiveSpan

    AnySpan = Union[LiveSpan, UnrecordedSpan]

current: ContextVar[AnySpan | None] = ContextVar("tracer_current_span", default=None)


class Attached:
    """Inside it a span is current."""

    __slots__ = ("_span",)

    def __init__(self, span: AnySpan) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._span.attach()

    def __exit__(self, *_: object) -> None:
        self._span.detach()

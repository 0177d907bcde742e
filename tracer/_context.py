"""Which span is current: a context variable of tracer's own, apart from any other tracing."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from tracer._unrecorded import UnrecordedSpan
    from tracer.runs import ActiveRun
    from tracer.span import LiveSpan

    AnySpan = Union[LiveSpan, UnrecordedSpan]

current: ContextVar[AnySpan | None] = ContextVar("tracer_current_span", default=None)

NOTHING_SAID = ""
# the version and the run that traces which start here belong to; None once it was cleared
active_model: ContextVar[str | None] = ContextVar("tracer_active_model", default=NOTHING_SAID)
active_runs: ContextVar[tuple[ActiveRun, ...]] = ContextVar("tracer_active_runs", default=())  # innermost last
# whether the calls of providers are left alone here
suppressed: ContextVar[bool] = ContextVar("tracer_suppressed", default=False)
# told of each call below that reports tokens
usage_watch: ContextVar[list[str] | None] = ContextVar("tracer_usage_watch", default=None)


def running() -> AnySpan | None:
    """The current span; one whose block Ctrl-C left without its ``__exit__`` is ended first."""
    span = current.get()
    while span is not None and span.is_abandoned():
        span.leave_abandoned()
        span = current.get()
    return span


def active_run_id() -> str | None:
    """The id of the run that goes on here."""
    runs = active_runs.get()
    return runs[-1].info.run_id if runs else None


class Attached:
    """Inside it a span is current."""

    __slots__ = ("_span",)

    def __init__(self, span: AnySpan) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._span.attach()

    def __exit__(self, *_: object) -> None:
        self._span.detach()

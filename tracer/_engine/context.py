"""Which span is current: a context variable of tracer's own, apart from any other tracing."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, Union

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable
    from contextvars import Token
    from typing import Any

    from tracer._engine.nonrecording import NonRecordingSpan
    from tracer._engine.recorder import Recorder
    from tracer._engine.span import LiveSpan

    AnySpan = Union[LiveSpan, NonRecordingSpan]  # whatever can be the current span


class RunInfo(Protocol):
    """What a trace needs to know of a run."""

    @property
    def run_id(self) -> str: ...


class ActiveRun(Protocol):
    """A run that goes on (tracer/_tracking/runs.py)."""

    @property
    def info(self) -> RunInfo: ...


current: ContextVar[AnySpan | None] = ContextVar("tracer_current_span", default=None)

UNSET = ""
# the version and the run that traces which start here belong to; None once it was cleared
active_model: ContextVar[str | None] = ContextVar("tracer_active_model", default=UNSET)
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


class Attachable:
    """What can be the current span.

    A signal handler may raise between any two steps here: that costs no more than one ``detach()`` more.
    """

    _recorder: Recorder  # of a span that is recorded
    _attached: list[tuple[Token[Any], object]]
    _previous: AnySpan | None  # what was current at attach(), until detach() is done
    block: weakref.ref[Any] | None  # the with statement that ends the span
    end_with_error: Callable[[BaseException], None]

    def detach(self) -> None:
        """Make current again what was before ``attach()``; done once more, it changes nothing."""
        try:
            token, otel_token = self._attached.pop()
        except IndexError:
            if current.get() is self:  # interrupted in the middle of attach() or detach()
                current.set(self._previous)
            return
        if otel_token is not None:
            self._recorder.otel.detach(otel_token)
        try:
            current.reset(token)
        except ValueError:  # attached in another context, such as that of a fixture which is a generator
            if current.get() is self:
                current.set(None)
        self._previous = None

    def attached(self) -> Attached:
        """A context manager inside which this is current; it ends nothing."""
        return Attached(self)  # type: ignore[arg-type]

    def is_abandoned(self) -> bool:
        """Whether the with statement that would end this is gone: Ctrl-C struck as it was entered or left."""
        return self.block is not None and self.block() is None

    def leave_abandoned(self) -> None:
        """End what is abandoned, and make current again what was before."""
        self.end_with_error(KeyboardInterrupt())  # first: interrupted again, it is found again
        self.detach()
        if current.get() is self:
            current.set(None)


class Attached:
    """Inside it a span is current."""

    __slots__ = ("_span",)

    def __init__(self, span: AnySpan) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._span.attach()

    def __exit__(self, *_: object) -> None:
        self._span.detach()

"""Which span is current: a context variable of tracer's own, apart from any other tracing."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, Union

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable
    from contextvars import Token

    from tracer._engine.nonrecording import NonRecordingSpan
    from tracer._engine.recorder import Recorder
    from tracer._engine.span import LiveSpan
    from tracer._json import JsonObject

    AnySpan = Union[LiveSpan, NonRecordingSpan]  # whatever may be the current span


class RunInfo(Protocol):
    """The part of a run that traces refer to."""

    @property
    def run_id(self) -> str: ...


class ActiveRun(Protocol):
    """A run that has not ended (tracer/_tracking/runs.py)."""

    @property
    def info(self) -> RunInfo: ...


current: ContextVar[AnySpan | None] = ContextVar("tracer_current_span", default=None)

UNSET = ""
# version and runs of the traces that start here; a version of None was cleared
active_model: ContextVar[str | None] = ContextVar("tracer_active_model", default=UNSET)
active_runs: ContextVar[tuple[ActiveRun, ...]] = ContextVar("tracer_active_runs", default=())  # innermost last
last_run_id: ContextVar[str | None] = ContextVar("tracer_last_run", default=None)
# fields of the trace records of traces that start here
about_traces: ContextVar[JsonObject] = ContextVar("tracer_about_traces", default={})  # noqa: B039  # never changed
# whether nothing is recorded here, neither tracer's own spans nor those of OpenTelemetry
switched_off: ContextVar[bool] = ContextVar("tracer_switched_off", default=False)
# whether calls of providers go unrecorded here
suppressed: ContextVar[bool] = ContextVar("tracer_suppressed", default=False)
# names of other instrumentations whose every step a provider of ours records too; set by `Provider.autolog`
covered_scopes: set[str] = set()
# collects the span ids of calls below that report tokens
usage_watch: ContextVar[list[str] | None] = ContextVar("tracer_usage_watch", default=None)
# collects the ids of traces that start here
trace_watch: ContextVar[list[str] | None] = ContextVar("tracer_trace_watch", default=None)


def restore(variable: ContextVar[Any], token: Token[Any], ours: object) -> None:
    """Undo the ``set(ours)`` that gave the token; in another context, take away ``ours`` and nobody else's.

    The end comes from another context where a generator or a coroutine was abandoned and something else closes it.
    """
    try:
        variable.reset(token)
    except ValueError:
        if variable.get() is ours:
            variable.set(None)


def running() -> AnySpan | None:
    """The current span; spans whose block Ctrl-C left without calling ``__exit__`` are ended first."""
    span = current.get()
    while span is not None and span.is_abandoned():
        span.leave_abandoned()
        span = current.get()
    return span


def active_run_id() -> str | None:
    """The id of the innermost run that is active here."""
    runs = active_runs.get()
    return runs[-1].info.run_id if runs else None


class Attachable:
    """Base of the spans that can be current.

    A signal handler may raise between any two steps here: one more ``detach()`` repairs it.
    """

    _recorder: Recorder  # of a span that is recorded
    _attached: list[tuple[Token[AnySpan | None], object]]
    _previous: AnySpan | None  # the current span at attach(), until detach() is done
    block: weakref.ref[object] | None  # the with statement that ends the span
    end_with_error: Callable[[BaseException], None]

    def detach(self) -> None:
        """Restore the span that was current before ``attach()``; a second call changes nothing."""
        try:
            token, otel_token = self._attached.pop()
        except IndexError:
            if current.get() is self:  # interrupted in the middle of attach() or detach()
                current.set(self._previous)
            return
        if otel_token is not None:
            self._recorder.otel.detach(otel_token)
        restore(current, token, self)
        self._previous = None

    def attached(self) -> Attached:
        """A context manager inside which this span is current; it does not end the span."""
        return Attached(self)  # type: ignore[arg-type]

    def is_abandoned(self) -> bool:
        """Whether the with statement that should end this span is gone: Ctrl-C struck as it was entered or left."""
        return self.block is not None and self.block() is None

    def leave_abandoned(self) -> None:
        """End an abandoned span, and restore the one that was current before."""
        self.end_with_error(KeyboardInterrupt())  # first: after another interruption the span is still found
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

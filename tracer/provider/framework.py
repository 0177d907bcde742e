"""The steps that a framework reports by objects of its own: runs, agents, turns, tools, and calls to models."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, NamedTuple

from tracer import semconv
from tracer._engine import limits
from tracer._engine.context import current, restore, running, suppressed
from tracer._engine.exceptions import ending_of, type_name
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import encode, loads
from tracer._records.derive import set_reply
from tracer.provider.call_recording import start_client_span, write_request
from tracer.provider.operation import Call
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

_CALL_TYPES = frozenset({SpanType.LLM, SpanType.CHAT_MODEL})
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration)


class ReportedCall(NamedTuple):
    """A framework's account of a call to a model that passed no door."""

    call: Call
    reply: object = None  # in the shape that the operation reads
    error: str | None = None  # in the framework's words; an exception that comes through the call is used instead
    has_content: bool = True  # False: the exception's text is content, and is left out


class _Open:
    """A step or a call that has not ended, and the exception that came through it."""

    __slots__ = ("_handled", "error", "owner")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.error: BaseException | None = None
        self._handled = sys.exc_info()[1]  # the framework may be called inside an except block

    def note_exception(self) -> None:
        """Keep the exception that is being raised now, if there is one."""
        error = sys.exc_info()[1]
        if error is not None and error is not self._handled and not isinstance(error, _ENDS_OF_LOOPS):
            self.error = error


class Step(_Open):
    """An open step, with its span."""

    __slots__ = ("is_current", "span")

    def __init__(self, span: AnySpan, owner: object, *, is_current: bool = False) -> None:
        super().__init__(owner)
        self.span = span
        self.is_current = is_current


class PendingCall(_Open):
    """A call to a model by a framework: recorded by a door that it passes, else from the framework's report."""

    __slots__ = ("has_ended", "has_span", "parent", "report", "start_time_ns", "tokens")

    def __init__(self, owner: object, report: Callable[[], ReportedCall | None], parent: AnySpan | None = None) -> None:
        super().__init__(owner)
        self.report = report
        self.parent = parent or running()
        self.start_time_ns = time.time_ns()
        self.has_span = False
        self.has_ended = False
        self.tokens: list[Token[PendingCall | None]] = []

    def enter(self) -> None:
        """The call is the pending one of this context, until `leave`; one inside which it is made is the same call."""
        outer = pending_call.get()
        if outer is not None and outer is not self:
            outer.has_span = True
        self.tokens.append(pending_call.set(self))

    def leave(self) -> None:
        """Undo one `enter`."""
        if self.tokens:
            restore(pending_call, self.tokens.pop(), self)


pending_call: ContextVar[PendingCall | None] = ContextVar("tracer_pending_call", default=None)


def announced_call(span_type: str) -> PendingCall | None:
    """The call that a framework has announced, if a door that begins to record a call of this type records that one."""
    call = pending_call.get()
    return None if call is None or call.has_ended or span_type not in _CALL_TYPES else call


def make_current(span: AnySpan) -> None:
    """Make a step's span current in a context that is thrown away at the step's end."""
    current.set(span)
    otel = runtime().recorder.otel
    if otel.shares_context and isinstance(span, LiveSpan):
        otel.attach(span)


def unless_current(span: AnySpan | None) -> AnySpan | None:
    """A step's span as the parent of what starts in it; None where it is current, or the current one is inside it."""
    inner = current.get()
    while inner is not None and span is not None:
        if inner is span:
            return None
        inner = inner._previous
    return span


class FrameworkSpans:
    """The open spans of a framework's steps, by the objects with which the framework identifies steps.

    An ``owner`` groups steps whose ends may never be reported: `end_all` ends those that are open.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._open: dict[Hashable, Step | PendingCall] = {}

    def start(
        self,
        key: Hashable,
        name: str,
        *,
        span_type: str,
        owner: object = None,
        parent: AnySpan | None = None,
        attributes: Mapping[str, object] | None = None,
        is_current: bool = True,
    ) -> Step | None:
        """Start the span of a step, below the current span or ``parent``; None where nothing is recorded."""
        if not is_recording():
            return None
        span = runtime().recorder.start_span(
            name, span_type=span_type, parent=parent, attributes=attributes, scope=self._scope
        )
        step = self._open[key] = Step(span, owner, is_current=is_current)
        if is_current:
            span.attach()
        return step

    def get(self, key: Hashable) -> Step | None:
        """The open step of a key."""
        step = self._open.get(key)
        return step if isinstance(step, Step) else None

    def find(self, attribute: str, value: object) -> AnySpan | None:
        """The open span whose key has an attribute of this value."""
        for key, step in list(self._open.items()):
            if isinstance(step, Step) and getattr(key, attribute, None) == value:
                return step.span
        return None

    def leave(self, key: Hashable) -> Step | None:
        """Close a step: its span is no longer current, and the caller ends it. None where none is open."""
        step = self.get(key)
        if step is None or self._open.pop(key, None) is None:
            return None
        step.note_exception()
        if step.is_current:
            step.span.detach()
        return step

    def announce(
        self,
        key: Hashable,
        report: Callable[[], ReportedCall | None],
        *,
        owner: object = None,
        parent: AnySpan | None = None,
        is_current: bool = True,
    ) -> None:
        """A call to a model begins, below the current span or ``parent``.

        If it passes no door, its span is recorded from ``report()`` at its end.
        """
        if is_recording():
            call = self._open[key] = PendingCall(owner, report, parent)
            if is_current:
                call.enter()

    def call(self, key: Hashable) -> PendingCall | None:
        """The announced call of a key, while it goes on."""
        call = self._open.get(key)
        return call if isinstance(call, PendingCall) else None

    def end_call(self, key: Hashable, error: BaseException | None = None) -> None:
        """An announced call has ended, with the exception that is being raised or is given."""
        call = self.call(key)
        if call is None or self._open.pop(key, None) is None:
            return
        call.note_exception()
        call.error = error or call.error
        call.has_ended = True
        call.leave()
        self._record(call)

    def end_all(self, owner: object) -> None:
        """End an owner's open steps and calls, whose ends the framework does not report any more."""
        for key, left in list(self._open.items()):
            if left.owner is not owner or self._open.pop(key, None) is None:
                continue
            if isinstance(left, Step):
                left.span.set_attribute(semconv.INCOMPLETE, "dropped")
                left.span.end()
            else:
                left.has_ended = True
                self._record(left, incomplete="dropped")

    def record_call(
        self,
        reported: ReportedCall,
        *,
        parent: AnySpan | None = None,
        start_time_ns: int,
        end_time_ns: int | None = None,
    ) -> None:
        """Record a call to a model that is over, and that passed no door; without ``end_time_ns`` it ended now."""
        if is_recording():
            self._write(reported, parent, start_time_ns, end_time_ns)

    def _record(self, call: PendingCall, incomplete: str | None = None) -> None:
        reported = None if call.has_span else call.report()
        if reported is not None:
            self._write(reported, call.parent, call.start_time_ns, error=call.error, incomplete=incomplete)

    def _write(
        self,
        reported: ReportedCall,
        parent: AnySpan | None,
        start_time_ns: int,
        end_time_ns: int | None = None,
        *,
        error: BaseException | None = None,
        incomplete: str | None = None,
    ) -> None:
        operation, body = reported.call.operation, loads(encode(reported.call.body))
        request = operation.read_request(body)
        span = start_client_span(
            operation.name,
            operation.span_type,
            request.model,
            provider=reported.call.provider,
            attributes={semconv.INCOMPLETE: incomplete, **reported.call.attributes},
            scope=self._scope,
            parent=parent,
            start_time_ns=start_time_ns,
        )
        if not isinstance(span, LiveSpan):  # recording was switched off in the meantime
            return
        with guard("recording a call that a framework reported"):
            write_request(span, operation, body or None, request)
            if reported.reply is not None:
                reply = loads(encode(reported.reply))
                span.set_outputs(reply)
                set_reply(span, operation.read_reply(reply))
            set_failure(span, error, reported.error, has_content=reported.has_content)
        if limits.in_use:
            limits.count_reported(span, body, has_failed=error is not None or reported.error is not None)
        span.end(end_time_ns)


def is_recording() -> bool:
    """Whether a step that begins now is recorded."""
    return runtime().recorder.recording and not suppressed.get()


def set_failure(
    span: AnySpan, error: BaseException | None, message: str | None = None, *, has_content: bool = True
) -> None:
    """Set a span's error from the exception, else from the framework's message; nothing if there is neither.

    Without ``has_content`` only the exception's type is recorded, not its text.
    """
    if error is not None and has_content:
        span.set_error(error)
        return
    is_error, ending = (True, None) if error is None else ending_of(error)
    span.set_attribute(semconv.INCOMPLETE, ending)
    if error is not None and is_error:
        span.set_attribute(semconv.ERROR_TYPE, type_name(error))
        message = message or type_name(error)
    if message is not None:
        span.set_status("ERROR", message)

"""Results that go on after their call: coroutines, generators, objects with one (streamed responses), futures."""

from __future__ import annotations

import sys
import weakref
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from tracer._engine.step import Step
from tracer._fault import guard

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

FUTURE: Final = "_result"
# by module and name, as nothing is imported for it: the attribute with the generator, or with a future's result
_HOLDERS = {
    ("_asyncio", "Future"): FUTURE,
    ("asyncio.futures", "Future"): FUTURE,
    ("concurrent.futures._base", "Future"): FUTURE,
    ("contextlib", "_AsyncGeneratorContextManager"): "gen",
    ("contextlib", "_GeneratorContextManager"): "gen",
    ("django.http.response", "StreamingHttpResponse"): "_iterator",
    ("sse_starlette.sse", "EventSourceResponse"): "body_iterator",
    ("starlette.responses", "StreamingResponse"): "body_iterator",
    ("werkzeug.wrappers.response", "Response"): "response",
}


def attribute_that_goes_on(kind: type) -> str | None:
    """The name of the attribute in which objects of this class hold such a result, if they do."""
    for base in kind.__mro__:
        name = _HOLDERS.get((base.__module__, base.__qualname__))
        if name is not None:
            return name
    return None


def follow_future(step: Step, span: AnySpan, future: Any) -> None:
    """End the span of a call when the future that it returned is done, or gone."""
    if future.done():
        _end_with(step, span, future)
        return
    unended = weakref.finalize(future, span.end_with_error, GeneratorExit())

    def end(future: Any) -> None:
        unended.detach()
        with guard("recording the result of a future"):
            _end_with(step, span, future)

    future.add_done_callback(end)


def _end_with(step: Step, span: AnySpan, future: Any) -> None:
    if future.cancelled():
        module = sys.modules.get("asyncio") or sys.modules["concurrent.futures"]
        span.end_with_error(module.CancelledError())
    elif future._exception is not None:  # to ask `exception()` for it counts as having handled it
        span.end_with_error(future._exception)
    else:
        step.end(span, future._result)


class _On:
    recording = True


class Returned(Step):
    """The step of a call that has returned something that goes on: its span has started."""

    def __init__(self, step: Step, span: AnySpan, thing: Any) -> None:
        vars(self).update(vars(step))
        self.function = lambda: thing
        self.switch = _On()
        self._span = span
        self._thing = thing
        self.unread: weakref.finalize[..., Any] | None = None  # calls dropped() without a first step

    def wait_for(self, followed: Any) -> None:
        """End the span of the call also if this, which the caller gets in the thing's place, is never begun."""
        self.unread = weakref.finalize(followed, self.dropped)
        self.recorder.unread[id(self)] = (weakref.ref(followed), self.dropped)

    def start(self, args: object, kwargs: object, called_in: object = None) -> AnySpan:
        """The span of the call."""
        if self.unread is not None:
            self.unread.detach()
            self.recorder.unread.pop(id(self), None)
        return self._span

    def dropped(self) -> None:
        """End the span of a result that was closed, or let go, before it was read."""
        self.recorder.unread.pop(id(self), None)
        if isinstance(self._thing, CoroutineType):
            self._thing.close()  # Python's warning is about the coroutine that the caller had
        self._span.end_with_error(GeneratorExit())

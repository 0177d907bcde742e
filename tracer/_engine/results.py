"""Results that go on after their call: coroutines, generators, and what holds one, such as a streamed response."""

from __future__ import annotations

import weakref
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from tracer._engine.step import Step

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

# by module and name, as nothing is imported for it: the attribute with the generator
_HOLDERS = {
    ("contextlib", "_AsyncGeneratorContextManager"): "gen",
    ("contextlib", "_GeneratorContextManager"): "gen",
    ("django.http.response", "StreamingHttpResponse"): "_iterator",
    ("sse_starlette.sse", "EventSourceResponse"): "body_iterator",
    ("starlette.responses", "StreamingResponse"): "body_iterator",
    ("werkzeug.wrappers.response", "Response"): "response",
}


def attribute_that_goes_on(kind: type) -> str | None:
    """The name of the attribute in which objects of this class hold a generator, if they do."""
    for base in kind.__mro__:
        name = _HOLDERS.get((base.__module__, base.__qualname__))
        if name is not None:
            return name
    return None


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
        self.unread: weakref.finalize[..., Any] | None = None  # calls dropped() before the first step

    def start(self, args: object, kwargs: object, called_in: object = None) -> AnySpan:
        """The span of the call."""
        if self.unread is not None:
            self.unread.detach()
        return self._span

    def dropped(self) -> None:
        """End the span of something that nobody has begun to read."""
        if isinstance(self._thing, CoroutineType):
            self._thing.close()  # Python warns of the one that the caller had
        self._span.end_with_error(GeneratorExit())

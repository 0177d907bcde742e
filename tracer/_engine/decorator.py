"""The wrappers of ``@trace``: each keeps its function's kind (plain, coroutine, generator), with a span around."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer._engine.arguments import AnyFunction, ArgumentNames
from tracer._engine.nonrecording import NonRecordingSpan
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import is_interruption, log_once, report, reraise_interruption
from tracer._json import encode
from tracer.semconv import FUNCTION

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan
    from tracer._engine.recorder import Recorder

_RETURN_VALUE = "tracer.generator.return_value"
_LEFT_OUT = "tracer.generator.items_left_out"


@dataclass
class Step:
    """How a function's calls are recorded."""

    function: AnyFunction
    name: str
    span_type: str
    attributes: dict[str, object]
    output_reducer: Callable[[list[Any]], object] | None
    capture_inputs: bool
    capture_outputs: bool
    arguments: ArgumentNames = field(init=False)
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.arguments = ArgumentNames(self.function)
        self.recorder = runtime().recorder

    def start(self, args: tuple[object, ...], kwargs: dict[str, object]) -> AnySpan:
        """A started span with the call's inputs; never raises."""
        span = self.recorder.start_span(self.name, span_type=self.span_type, attributes=self.attributes)
        try:
            if self.capture_inputs and type(span) is LiveSpan:
                span.set_inputs(self.arguments.bind(args, kwargs))
        except BaseException as error:
            if is_interruption(error):  # the function is not called
                span.end_with_error(error)
            report("recording a function's inputs", error)
        return span

    def end(self, span: AnySpan, result: object) -> None:
        """End the span with the call's result; never raises."""
        try:
            if self.capture_outputs and result is not None:
                span.set_outputs(result)
        except Exception as error:
            report("recording a function's outputs", error)
        finally:
            span.end()


def traced(step: Step) -> AnyFunction:
    """The function with a span around each call."""
    kind = _kind_of(step.function)
    wrapper = kind(step)
    try:
        functools.update_wrapper(wrapper, step.function)
    except Exception as error:
        report("copying a function's name and docstring", error)
    wrapper.__wrapped__ = step.function  # type: ignore[attr-defined]
    _copy_own_attributes(wrapper, step.function)
    return wrapper


def _copy_own_attributes(wrapper: AnyFunction, function: AnyFunction) -> None:
    if isinstance(function, functools.partial):
        functools.update_wrapper(wrapper, function.func, updated=())
        wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    elif not hasattr(function, "__name__"):
        wrapper.__name__ = type(function).__name__
        wrapper.__qualname__ = type(function).__qualname__
        wrapper.__module__ = type(function).__module__


def _kind_of(function: AnyFunction) -> Callable[[Step], AnyFunction]:
    while isinstance(function, functools.partial):
        function = function.func
    called = function if inspect.isroutine(function) else getattr(type(function), "__call__", function)  # noqa: B004
    if inspect.isasyncgenfunction(called):
        return _async_generator
    if inspect.iscoroutinefunction(called):
        return _coroutine
    if inspect.isgeneratorfunction(called):
        return _generator
    return _plain


# Each kind of function has two nets around it: the inner one ends the span with the function's error, the outer one
# where a signal handler raises before the inner one has done so. They are written out four times: a context manager
# costs each call two more, and a signal handler that raises between an error and its ``__exit__`` goes past it.
def _leave(span: AnySpan, error: BaseException) -> None:
    """Undo ``attach()`` and end the span with an error; done once more, it changes nothing."""
    span.detach()
    span.end_with_error(error)


def _plain(step: Step) -> AnyFunction:
    function = step.function
    recorder = step.recorder

    def wrapper(*args: object, **kwargs: object) -> object:
        if not recorder.recording:
            return function(*args, **kwargs)
        span = step.start(args, kwargs)
        try:
            try:
                span.attach()
                result = function(*args, **kwargs)
                span.detach()
                step.end(span, result)
                return result
            except BaseException as error:
                _leave(span, error)
                raise
        except BaseException as error:
            _leave(span, error)
            raise

    return wrapper


def _coroutine(step: Step) -> AnyFunction:
    function = step.function
    recorder = step.recorder

    async def wrapper(*args: object, **kwargs: object) -> object:
        if not recorder.recording:
            return await function(*args, **kwargs)
        span = step.start(args, kwargs)
        try:
            try:
                span.attach()
                result = await function(*args, **kwargs)
                span.detach()
                step.end(span, result)
                return result
            except BaseException as error:
                _leave(span, error)
                raise
        except BaseException as error:
            _leave(span, error)
            raise

    return wrapper


class _Yielded:
    """Items that a generator has yielded: snapshots bounded in size, or for an output reducer the items themselves."""

    def __init__(self, step: Step, span: AnySpan) -> None:
        self._step = step
        self._span = span
        self._items: list[Any] = []
        self._size = 0
        self._limit = step.recorder.max_value_bytes - 2  # the brackets
        self._left_out = 0
        self._keep = step.capture_outputs and type(span) is LiveSpan

    def add(self, item: object) -> None:
        if not self._keep:
            return
        if self._step.output_reducer is not None:
            self._items.append(item)
            return
        if self._left_out:
            self._left_out += 1
            return
        encoded = encode(item)  # a snapshot: the caller may change the item later
        self._size += len(encoded) + 1
        if self._items and self._size > self._limit:
            self._left_out = 1
            return
        self._items.append(encoded)

    def end(self, result: object = None, error: BaseException | None = None) -> None:
        try:
            self._record(result)
        except Exception as fault:
            report("recording what a generator yielded", fault)
        finally:
            if error is not None:
                self._span.end_with_error(error)
            else:
                self._span.end()

    def _record(self, result: object) -> None:
        if not self._keep:
            return
        reducer = self._step.output_reducer
        if reducer is None:
            self._span.set_json_list(self._items)
        else:
            try:
                self._span.set_outputs(reducer(self._items))
            except Exception as fault:
                reraise_interruption(fault)
                name = self._step.name
                log_once(f"reducer {name}", "tracer records the items: the output_reducer of %s raised %r", name, fault)
                self._span.set_outputs(self._items)
        if self._left_out:
            self._span.set_attribute(_LEFT_OUT, self._left_out)
        if result is not None:
            self._span.set_json(_RETURN_VALUE, result)


def _generator(step: Step) -> AnyFunction:
    function = step.function
    recorder = step.recorder

    def wrapper(*args: object, **kwargs: object) -> Generator[object, object, object]:
        if not recorder.recording:
            return (yield from function(*args, **kwargs))
        span = step.start(args, kwargs)
        try:
            yielded = _Yielded(step, span)
            # the span is current while the function's own code runs, never across a yield
            try:
                with span.attached():
                    generator = function(*args, **kwargs)
                    item = next(generator)
                while True:
                    yielded.add(item)
                    try:
                        sent = yield item
                    except GeneratorExit as closing:
                        with span.attached():
                            result = generator.close()
                        yielded.end(error=closing)
                        return result  # returned by close() from Python 3.13 on
                    except BaseException as thrown:
                        with span.attached():
                            item = generator.throw(thrown)
                    else:
                        with span.attached():
                            item = next(generator) if sent is None else generator.send(sent)
            except StopIteration as stop:
                yielded.end(stop.value)
                return stop.value
            except BaseException as error:
                span.detach()
                yielded.end(error=error)
                raise
        except BaseException as error:
            _leave(span, error)
            raise

    return wrapper


def _async_generator(step: Step) -> AnyFunction:
    function = step.function
    recorder = step.recorder

    async def wrapper(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        recording = recorder.recording
        span: AnySpan = step.start(args, kwargs) if recording else NonRecordingSpan()
        try:
            yielded = _Yielded(step, span)
            try:
                with span.attached():
                    generator = function(*args, **kwargs)
                    item = await generator.__anext__()
                while True:
                    yielded.add(item)
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with span.attached():
                            await generator.aclose()
                        raise
                    except BaseException as thrown:
                        with span.attached():
                            item = await generator.athrow(thrown)
                    else:
                        with span.attached():
                            item = await (generator.__anext__() if sent is None else generator.asend(sent))
            except StopAsyncIteration:
                yielded.end()
            except BaseException as error:
                span.detach()
                yielded.end(error=error)
                raise
        except BaseException as error:
            _leave(span, error)
            raise

    return wrapper


def code_attributes(function: AnyFunction) -> dict[str, str]:
    """The attribute with module and qualified name of a function."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    return {FUNCTION: f"{module}.{name}"} if name and module else {}

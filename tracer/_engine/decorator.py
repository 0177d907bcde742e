"""The wrappers of ``@trace``: each keeps its function's kind (plain, coroutine, generator), with a span around."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any

from tracer._engine.arguments import AnyFunction
from tracer._engine.call_context import IN_CALL, KeepsCallContext
from tracer._engine.kinds import Kind, kind_of
from tracer._engine.nonrecording import NonRecordingSpan
from tracer._engine.results import FUTURE, Returned, attribute_that_goes_on, follow_future
from tracer._engine.step import Step, Yielded
from tracer._fault import report

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

# contextlib's steps that run a generator up to its yield: the block that follows belongs to the generator's span
_ENTERING = frozenset(
    kind.__dict__[name].__code__
    for kind, name in (
        (contextlib._GeneratorContextManager, "__enter__"),
        (contextlib._AsyncGeneratorContextManager, "__aenter__"),
    )
)


# functions that contextlib makes of generator functions, by their code
_MAKERS: tuple[Any, ...] = (contextlib.contextmanager, contextlib.asynccontextmanager)
_BLOCK_MAKERS: dict[object, Callable[[Any], Any]] = {maker(iter).__code__: maker for maker in _MAKERS}


def block_maker(function: object) -> Callable[[Any], Any] | None:
    """The function of contextlib that decorates this one, if one does."""
    return _BLOCK_MAKERS.get(getattr(function, "__code__", None)) if hasattr(function, "__wrapped__") else None


def is_traced(function: Any) -> bool:
    """Whether each call is a span: of a result of ``@trace``, of a method or a partial of it, of an object with it."""
    from tracer._engine.traced_object import TracedObject

    while isinstance(function, (functools.partial, MethodType)):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    if type(function) in (KeepsCallContext, TracedObject):
        return True
    called = function if isinstance(function, FunctionType) else getattr(type(function), "__call__", None)  # noqa: B004
    return type(called) is KeepsCallContext or getattr(called, "__code__", None) is _PLAIN_CODE


def traced(step: Step) -> Any:
    """The function with a span around each call."""
    kind = kind_of(step.function)
    wrapper = _WRAPPERS[kind](step)
    try:
        _look_like(wrapper, step.function)
    except Exception as error:
        report("copying a function's name and docstring", error)
    if kind is not Kind.PLAIN:
        wrapper = KeepsCallContext(wrapper, step.recorder)
    if isinstance(step.function, FunctionType):
        return wrapper
    from tracer._engine.traced_object import TracedObject  # only here: most programs do without wrapt

    return TracedObject(step, wrapper)


def _look_like(wrapper: AnyFunction, function: AnyFunction) -> None:
    functools.update_wrapper(wrapper, function)
    own = getattr(function, "__dict__", None)
    if type(own) is dict and "__wrapped__" in own and isinstance(function, FunctionType):
        wrapper.__dict__ = own  # another decorator's attributes, which may change


# Each kind of function has two nets around it: the inner one ends the span with the function's error, the outer one
# where a signal handler raises before the inner one has done so. They are written out four times: a context manager
# costs each call two more, and a signal handler that raises between an error and its ``__exit__`` goes past it.
def _leave(span: AnySpan, error: BaseException) -> None:
    """Undo ``attach()`` and end the span with an error; done once more, it changes nothing."""
    span.detach()
    span.end_with_error(error)


def _plain(step: Step) -> AnyFunction:
    function = step.function
    switch = step.switch

    def wrapper(*args: object, **kwargs: object) -> object:
        if not switch.recording:
            return function(*args, **kwargs)
        span = step.start(args, kwargs)
        try:
            try:
                span.attach()
                result = function(*args, **kwargs)
                span.detach()
                if type(result) is not step.whole:
                    return _ended(step, span, result)
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
    switch = step.switch

    async def wrapper(*args: object, **kwargs: object) -> object:
        called_in: Any = kwargs.pop(IN_CALL, None)
        if not switch.recording:
            return await function(*args, **kwargs)
        span = step.start(args, kwargs, called_in)
        try:
            try:
                span.attach()
                result = await function(*args, **kwargs)
                span.detach()
                if type(result) is not step.whole:
                    return _ended(step, span, result)
                step.end(span, result)
                return result
            except BaseException as error:
                _leave(span, error)
                raise
        except BaseException as error:
            _leave(span, error)
            raise

    return wrapper


def _generator(step: Step) -> AnyFunction:
    function = step.function
    switch = step.switch

    def wrapper(*args: object, **kwargs: object) -> Generator[object, object, object]:
        called_in: Any = kwargs.pop(IN_CALL, None)
        if not switch.recording:
            return (yield from function(*args, **kwargs))
        span = step.start(args, kwargs, called_in)
        try:
            is_block = sys._getframe(1).f_code in _ENTERING
            yielded = Yielded(step, span)
            # the span is current while the function's own code runs, across a yield only in a `with` block
            try:
                with span.attached():
                    generator = function(*args, **kwargs)
                    item = next(generator)
                while True:
                    yielded.add(item)
                    try:
                        try:
                            if is_block:
                                span.attach()
                            sent = yield item
                        finally:
                            if is_block:
                                span.detach()
                    except GeneratorExit as closing:
                        with span.attached():
                            result = generator.close()
                        yielded.end(error=closing)
                        return result  # returned by close() from Python 3.13 on
                    except BaseException as thrown:
                        if is_block:
                            span.detach()  # again: it may have been interrupted
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

    async def wrapper(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        called_in: Any = kwargs.pop(IN_CALL, None)
        span = step.start(args, kwargs, called_in)  # a span that records nothing where recording is off
        try:
            is_block = sys._getframe(1).f_code in _ENTERING
            yielded = Yielded(step, span)
            try:
                with span.attached():
                    generator = function(*args, **kwargs)
                    item = await generator.__anext__()
                while True:
                    yielded.add(item)
                    try:
                        try:
                            if is_block:
                                span.attach()
                            sent = yield item
                        finally:
                            if is_block:
                                span.detach()
                    except GeneratorExit:
                        with span.attached():
                            await generator.aclose()
                        raise
                    except BaseException as thrown:
                        if is_block:
                            span.detach()  # again: it may have been interrupted
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


def _ended(step: Step, span: AnySpan, result: Any) -> Any:
    """The result of a call, with the call's span ended, or to end when the returned object ends; never raises."""
    try:
        followed = _followed(step, span, result)
    except Exception as error:
        report("following what a function returned", error)
        followed = None
    if followed is not None:
        return followed
    step.end(span, result)
    return result


def _followed(step: Step, span: AnySpan, result: Any) -> Any:
    """The result that goes on inside the span; None if it does not go on."""
    kind = type(result)
    if kind in _GOES_ON:
        return None if _is_held_elsewhere(result) else _inside(step, span, result)
    if kind is tuple:  # of Flask: the body, a status, headers
        if not result or type(result[0]) not in _GOES_ON or _references_from(result) > _ALONE_IN_TUPLE:
            return None
        return (_inside(step, span, result[0]), *result[1:])
    name = attribute_that_goes_on(kind)
    if name is None:
        step.whole = kind
        return None
    if name == FUTURE:
        follow_future(step, span, result)
        return result
    held = vars(result).get(name)
    if type(held) not in _GOES_ON:
        return None
    vars(result)[name] = _inside(step, span, held)
    return result


def _inside(step: Step, span: AnySpan, thing: Any) -> Any:
    """A coroutine or generator that a call returned, inside the call's span, which it ends."""
    returned = Returned(step, span, thing)
    followed: Any = _GOES_ON[type(thing)](returned)()
    followed.__name__, followed.__qualname__ = thing.__name__, thing.__qualname__
    returned.wait_for(followed)
    return followed


_WRAPPERS: dict[Kind, Callable[[Step], AnyFunction]] = {
    Kind.PLAIN: _plain,
    Kind.COROUTINE: _coroutine,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
}
_GOES_ON: dict[type, Callable[[Step], AnyFunction]] = {
    AsyncGeneratorType: _async_generator,
    CoroutineType: _coroutine,
    GeneratorType: _generator,
}

# A generator that is also held elsewhere is not replaced: it must outlive the generator that would read it.
_alone = 0  # references to a result that only its call holds


def _is_held_elsewhere(result: Any) -> bool:
    global _alone
    references = sys.getrefcount(result)
    if not _alone:
        _alone = references  # of the call below
        return True
    return references > _alone


def _references_from(result: tuple[Any, ...]) -> int:
    return sys.getrefcount(result[0])


_ALONE_IN_TUPLE = _references_from((object(),))

_counting = Returned(Step(lambda: None, "", "", {}, None, False, False), NonRecordingSpan(), None)
_counting.function = lambda: (_ for _ in ())
_plain(_counting)()
_PLAIN_CODE = _plain(_counting).__code__

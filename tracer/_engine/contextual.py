"""A function bound to a context: it keeps its kind, and its steps run there."""

from __future__ import annotations

import functools
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context
from typing import Any

from tracer._engine.arguments import AnyFunction
from tracer._engine.kinds import Kind, kind_of


def in_context(function: Any, context: Context) -> Any:
    """The function, each of whose calls runs in a copy of the context."""
    wrapper = _WRAPPERS[kind_of(function)](function, context)
    if isinstance(function, types.FunctionType):
        return functools.wraps(function)(wrapper)
    from tracer._engine.traced_object import CalledInPlace  # only here: most programs do without wrapt

    return CalledInPlace(function, wrapper)


def _plain(function: AnyFunction, context: Context) -> AnyFunction:
    def wrapper(*args: object, **kwargs: object) -> object:
        return context.copy().run(function, *args, **kwargs)

    return wrapper


def _coroutine(function: AnyFunction, context: Context) -> AnyFunction:
    async def wrapper(*args: object, **kwargs: object) -> object:
        own = context.copy()
        return await _awaited(own.run(function, *args, **kwargs), own)

    return wrapper


def _generator(function: AnyFunction, context: Context) -> AnyFunction:
    def wrapper(*args: object, **kwargs: object) -> Generator[object, object, object]:
        own = context.copy()
        return (yield from _steps(own.run(function, *args, **kwargs), own))

    return wrapper


def _async_generator(function: AnyFunction, context: Context) -> AnyFunction:
    async def wrapper(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        own = context.copy()
        generator = own.run(function, *args, **kwargs)
        step = generator.__anext__()
        while True:
            try:
                item = await _awaited(step, own)
            except StopAsyncIteration:
                return
            try:
                step = generator.asend((yield item))
            except GeneratorExit:
                await _awaited(generator.aclose(), own)
                raise
            except BaseException as error:
                step = generator.athrow(error)

    return wrapper


def _steps(generator: Any, context: Context) -> Generator[Any, Any, Any]:
    """A generator or a coroutine, each of whose steps runs in the context."""
    step, given = generator.send, None
    while True:
        try:
            item = context.run(step, given)
        except StopIteration as stop:
            return stop.value
        try:
            step, given = generator.send, (yield item)
        except GeneratorExit:
            context.run(generator.close)
            raise
        except BaseException as error:
            step, given = generator.throw, error


_awaited: Callable[[Any, Context], Awaitable[Any]] = types.coroutine(_steps)

_WRAPPERS: dict[Kind, Callable[[AnyFunction, Context], AnyFunction]] = {
    Kind.PLAIN: _plain,
    Kind.COROUTINE: _coroutine,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
}

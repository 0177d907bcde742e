"""A function bound to a context: it keeps its kind, and its steps run there."""

from __future__ import annotations

import contextvars
import functools
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Protocol

from tracer._engine.arguments import AnyFunction
from tracer._engine.context import running
from tracer._engine.kinds import Kind, kind_of
from tracer._engine.runtime import runtime
from tracer._fault import guard


class Running(Protocol):
    """The context in which the steps of one call run."""

    def run(self, function: Any, /, *arguments: Any) -> Any: ...


class Around(Protocol):
    """The context that a function is bound to: it makes the context of each call."""

    def copy(self) -> Running: ...


class Context:
    """A context that can be pickled: in another process it is that process's own, with the same current span."""

    def __init__(self, context: contextvars.Context | None, headers: dict[str, str] | None = None) -> None:
        self._context = context
        self._headers = headers or {}

    def copy(self) -> contextvars.Context:
        """The context of one call."""
        if self._context is not None:
            return self._context.copy()
        context = contextvars.copy_context()
        with guard("continuing the trace of another process"):
            context.run(_continue, self._headers)
        return context

    def __reduce__(self) -> tuple[type[Context], tuple[None, dict[str, str]]]:
        headers = self._headers
        with guard("pickling a context"):
            span = self._context.copy().run(running) if self._context is not None else None
            if span is not None and int(span.span_id, 16):
                from tracer._engine.propagation import headers_of

                headers = headers_of(span)
        return Context, (None, headers)


def _continue(headers: dict[str, str]) -> None:
    from tracer._engine.propagation import remote_parent

    parent = remote_parent(headers)
    if parent is not None:
        parent.attach()
        runtime().otel.attach(parent)


def in_context(function: Any, context: Around) -> Any:
    """The function, each of whose calls runs in a copy of the context."""
    wrapper = _WRAPPERS[kind_of(function)](function, context)
    if isinstance(function, types.FunctionType):
        return functools.wraps(function)(wrapper)
    from tracer._engine.traced_object import ObjectInContext  # only here: most programs do without wrapt

    return ObjectInContext(function, wrapper, (in_context, (function, context)))


def _plain(function: AnyFunction, context: Around) -> AnyFunction:
    def wrapper(*args: object, **kwargs: object) -> object:
        return context.copy().run(function, *args, **kwargs)

    return wrapper


def _coroutine(function: AnyFunction, context: Around) -> AnyFunction:
    async def wrapper(*args: object, **kwargs: object) -> object:
        own = context.copy()
        return await _awaited(own.run(function, *args, **kwargs), own)

    return wrapper


def _generator(function: AnyFunction, context: Around) -> AnyFunction:
    def wrapper(*args: object, **kwargs: object) -> Generator[object, object, object]:
        own = context.copy()
        return (yield from _steps(own.run(function, *args, **kwargs), own))

    return wrapper


def _async_generator(function: AnyFunction, context: Around) -> AnyFunction:
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


def _steps(generator: Any, context: Running) -> Generator[Any, Any, Any]:
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


_awaited: Callable[[Any, Running], Awaitable[Any]] = types.coroutine(_steps)

_WRAPPERS: dict[Kind, Callable[[AnyFunction, Around], AnyFunction]] = {
    Kind.PLAIN: _plain,
    Kind.COROUTINE: _coroutine,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
}

"""Doors that are context managers: what the block gets is what came back."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from typing import Any

from tracer.provider.call_recording import CallObserver
from tracer.provider.patch import Function

Begin = Callable[[tuple[object, ...], dict[str, object]], CallObserver]


def around_context(original: Function, begin: Begin) -> Function:
    """The method with an observer, from ``begin``, around the entering of each context manager that it makes."""
    if inspect.isgeneratorfunction(original):  # below `contextlib.contextmanager`, which is in its place

        @functools.wraps(original)
        def observed(*args: object, **kwargs: object) -> Generator[object, object, None]:
            generator = original(*args, **kwargs)
            entered = _observed_step(begin(args, kwargs), generator.__next__)
            yield from _Entered(generator, entered)

        return observed

    @functools.wraps(original)
    def made(*args: object, **kwargs: object) -> _ObservedContext:
        return _ObservedContext(original(*args, **kwargs), functools.partial(begin, args, kwargs))

    return made


def _observed_step(recording: CallObserver, step: Callable[[], object]) -> object:
    try:
        recording.enter()
        return recording.returned(step())
    except BaseException as error:
        recording.raised(error)
        raise


class _Entered:
    """A generator that has made its first step already."""

    __slots__ = ("_first", "_generator", "close", "throw")

    def __init__(self, generator: Any, first: object) -> None:
        self._generator = generator
        self._first = [first]
        self.throw = generator.throw
        self.close = generator.close

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        return self._first.pop() if self._first else self._generator.__next__()


class _ObservedContext:
    """A context manager, sync or async, whose entering is observed."""

    __slots__ = ("_begin", "_context")

    def __init__(self, context: Any, begin: Callable[[], CallObserver]) -> None:
        self._context = context
        self._begin = begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __enter__(self) -> object:
        return _observed_step(self._begin(), self._context.__enter__)

    def __exit__(self, *raised: object) -> Any:
        return self._context.__exit__(*raised)

    async def __aenter__(self) -> object:
        recording = self._begin()
        try:
            recording.enter()
            return recording.returned(await self._context.__aenter__())
        except BaseException as error:
            recording.raised(error)
            raise

    async def __aexit__(self, *raised: object) -> Any:
        return await self._context.__aexit__(*raised)

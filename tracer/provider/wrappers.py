"""The methods that replace an SDK's at the places that a provider observes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tracer._engine.arguments import argument_binder
from tracer._fault import guard, report
from tracer.provider.call_recording import NOT_RECORDED, CallObserver, current_recording
from tracer.provider.contexts import around_context
from tracer.provider.doors import Door, Hook, HookEnd, StreamClass, Tap
from tracer.provider.patch import Function, Patch
from tracer.provider.streams import give_watcher, take_watcher

if TYPE_CHECKING:
    from tracer.provider.operation import Arguments

_NOTHING: Mapping[str, object] = {}

Given = tuple[tuple[object, ...], dict[str, object]]  # positional and keyword arguments
Change = Callable[[tuple[object, ...], dict[str, object], Mapping[str, object]], Given]
Begin = Callable[[tuple[object, ...], dict[str, object]], CallObserver]


def through_door(door: Door, begin: Callable[[Arguments], CallObserver], original: Function, patch: Patch) -> Function:
    """The method of a door; ``begin`` makes the observer of each call."""
    bind = argument_binder(original)

    def begin_if_active(args: tuple[object, ...], kwargs: dict[str, object]) -> CallObserver:
        return begin(bind(args, kwargs)) if patch.active else NOT_RECORDED

    return around_context(original, begin_if_active) if door.is_context else around(original, begin_if_active)


def hooked(hook: Hook, original: Function, patch: Patch) -> Function:
    """The method of a hook, which receives the begin and the end of each call."""
    bind = argument_binder(original)

    def begin(args: tuple[object, ...], kwargs: dict[str, object]) -> CallObserver:
        try:
            end = hook.begin(bind(args, kwargs)) if patch.active else None
        except Exception as fault:
            report(f"observing {hook.target}", fault)
            return NOT_RECORDED
        return NOT_RECORDED if end is None else _GuardedEnd(f"observing {hook.target}", end)

    return around(original, begin)


class _GuardedEnd:
    """Passes the end of a call to a hook; what fails there is logged."""

    __slots__ = ("_doing", "_end", "changed")

    def __init__(self, doing: str, end: HookEnd) -> None:
        self._doing = doing
        self._end = end
        self.changed: Mapping[str, object] = getattr(end, "changed", _NOTHING)

    def enter(self) -> None:
        """The hook has been called already."""

    def returned(self, result: object) -> object:
        with guard(self._doing):
            self._end.returned(result)
        return result

    def raised(self, error: BaseException) -> None:
        with guard(self._doing):
            self._end.raised(error)


def around(original: Function, begin: Begin) -> Function:
    """The method with an observer, from ``begin``, around each call; the method itself is called once, unchanged."""
    change = _changer(original)

    if inspect.iscoroutinefunction(inspect.unwrap(original)):

        @functools.wraps(original)
        async def around_async(*args: object, **kwargs: object) -> object:
            recording = begin(args, kwargs)
            try:
                recording.enter()
                if recording.changed:
                    args, kwargs = change(args, kwargs, recording.changed)
                return recording.returned(await original(*args, **kwargs))
            except BaseException as error:  # also Ctrl-C and a time limit's signal while tracer works
                recording.raised(error)
                raise

        return around_async

    @functools.wraps(original)
    def around_sync(*args: object, **kwargs: object) -> object:
        recording = begin(args, kwargs)
        try:
            recording.enter()
            if recording.changed:
                args, kwargs = change(args, kwargs, recording.changed)
            return recording.returned(original(*args, **kwargs))
        except BaseException as error:  # also Ctrl-C and a time limit's signal while tracer works
            recording.raised(error)
            raise

    return around_sync


def connection_opened(watch: Callable[[object], None], original: Function, patch: Patch) -> Function:
    """The ``__init__`` of a connection, after which ``watch`` gets it."""

    @functools.wraps(original)
    def opened(connection: object, *args: object, **kwargs: object) -> None:
        original(connection, *args, **kwargs)
        if patch.active:
            watch(connection)

    return opened


def tapped(tap: Tap, original: Function, patch: Patch) -> Function:
    """The method of a tap, which observes each call."""
    bind = argument_binder(original)

    def observe(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        recording = current_recording.get()
        if recording is None or not patch.active:
            return
        try:
            tap.observe(recording, bind(args, kwargs))
        except Exception as fault:
            report(f"observing {tap.target}", fault)

    if inspect.iscoroutinefunction(inspect.unwrap(original)):

        @functools.wraps(original)
        async def observed_async(*args: object, **kwargs: object) -> object:
            if not tap.after:
                observe(args, kwargs)
            result = await original(*args, **kwargs)
            if tap.after:
                observe(args, {**kwargs, "return": result})
            return result

        return observed_async

    @functools.wraps(original)
    def observed(*args: object, **kwargs: object) -> object:
        if not tap.after:
            observe(args, kwargs)
        result = original(*args, **kwargs)
        if tap.after:
            observe(args, {**kwargs, "return": result})
        return result

    return observed


def stepped(kind: StreamClass, original: Function, patch: Patch) -> Function:
    """The ``__next__`` or ``__anext__`` of a stream, which shows each chunk to the stream's watcher."""

    def end(stream: Any, watcher: Any) -> None:
        rest = None
        with guard(f"reading the end of a stream of {kind.target}"):
            rest = None if kind.rest is None else kind.rest(stream)
        if rest is not None:
            watcher.chunk(rest)
        watcher.finished()

    if inspect.iscoroutinefunction(inspect.unwrap(original)):

        @functools.wraps(original)
        async def step_async(stream: Any) -> object:
            watcher = take_watcher(stream)
            if watcher is None:
                return await original(stream)
            try:
                chunk = await original(stream)
            except StopAsyncIteration:
                end(stream, watcher)
                raise
            except BaseException as error:
                watcher.failed(error)
                raise
            give_watcher(stream, watcher)
            watcher.chunk(chunk)
            return chunk

        return step_async

    @functools.wraps(original)
    def step(stream: Any) -> object:
        watcher = take_watcher(stream)
        if watcher is None:
            return original(stream)
        try:
            chunk = original(stream)
        except StopIteration:
            end(stream, watcher)
            raise
        except BaseException as error:
            watcher.failed(error)
            raise
        give_watcher(stream, watcher)
        watcher.chunk(chunk)
        return chunk

    return step


def closing(original: Function, patch: Patch) -> Function:
    """The ``close`` or ``aclose`` of a stream, by which the program leaves it early."""

    @functools.wraps(original)
    def close(stream: Any, *args: object, **kwargs: object) -> object:
        watcher = take_watcher(stream)
        if watcher is not None:
            watcher.closed()
        return original(stream, *args, **kwargs)

    if not inspect.iscoroutinefunction(inspect.unwrap(original)):
        return close

    @functools.wraps(original)
    async def close_async(stream: Any, *args: object, **kwargs: object) -> object:
        return await close(stream, *args, **kwargs)  # type: ignore[misc]

    return close_async


def _changer(function: Function) -> Change:
    """A function that replaces some arguments, positional or not."""
    names = tuple(inspect.signature(function).parameters)

    def change(args: tuple[object, ...], kwargs: dict[str, object], changed: Mapping[str, object]) -> Given:
        positional = tuple(changed.get(name, value) for name, value in zip(names, args))
        named = {name: value for name, value in changed.items() if name not in names[: len(args)]}
        return (*positional, *args[len(positional) :]), {**kwargs, **named}

    return change

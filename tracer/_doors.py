"""Where a provider looks into an SDK, and the methods that take the place of the SDK's there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, Protocol

from tracer._call import NOT_RECORDED, Recording, current_recording
from tracer._fault import guard, report
from tracer._operation import Call
from tracer._patch import Patch
from tracer._session import Session
from tracer._stream import watcher_of

Function = Callable[..., Any]

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Door:
    """A method of an SDK that every call passes once, as ``module:Class.method``.

    Where versions of the SDK differ, ``target`` is a tuple of such places, and the first that is there is the door.

    ``read_call(arguments)`` gets the call's arguments by name, ``self`` included (those of ``*args`` as a tuple, those
    of ``**kwargs`` each by its own name), and says what the call is, or None for a call that generates nothing. Where
    the SDK wraps what the provider sent, ``reply_of(result)`` takes the reply, or a chunk of a streamed one, out of it.
    """

    target: str | tuple[str, ...]
    read_call: Callable[[Mapping[str, Any]], Call | None]
    parameters: tuple[str, ...] = ()  # those that read_call needs; without one of them the SDK is left alone
    reply_of: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Tap:
    """A method that the SDK runs inside a door and that shows what the door's result hides: the HTTP response.

    ``observe(recording, arguments)`` is called before the method, or with ``after=True`` when it has returned, and then
    has the result under the name ``return``.
    """

    target: str | tuple[str, ...]
    observe: Callable[[Recording, Mapping[str, Any]], None]
    parameters: tuple[str, ...] = ()
    after: bool = False


@dataclass(frozen=True)
class ChunkTap:
    """A method that an SDK passes each chunk of its streams through, as it was sent, before it makes an object of it.

    The method is given ``data`` and the HTTP ``response`` by keyword, and runs in the step in which the user reads the
    chunk. That saves taking the object apart again: most of what watching a stream costs.
    """

    target: str | tuple[str, ...]
    parameters: tuple[str, ...] = ("data", "response")


class HookEnd(Protocol):
    """Hears how a hooked method ended."""

    def returned(self, result: Any) -> Any: ...
    def raised(self, error: BaseException) -> Any: ...


@dataclass(frozen=True)
class Hook:
    """A method by which a framework tells of its steps: ``begin(arguments)`` runs before it.

    ``begin`` gets the arguments by name, ``self`` included, and may give something that is told of the method's end.
    """

    target: str | tuple[str, ...]
    begin: Callable[[Mapping[str, Any]], HookEnd | None]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wire:
    """A class of an SDK whose objects are open connections, as ``module:Class``, with `recv_bytes`, `send` and `close`.

    ``open(connection)`` says what session the connection is, or None. The module is never imported for it.
    """

    target: str
    open: Callable[[Any], Session | None]

    @property
    def module(self) -> str:
        """Where the class is."""
        return self.target.partition(":")[0]


def through_door(begin: Callable[[Mapping[str, Any]], Any], original: Function, patch: Patch) -> Function:
    """The method of a door, whose calls ``begin`` makes recordings of."""
    bind = _binder(original)

    def begin_if_active(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return begin(bind(args, kwargs)) if patch.active else NOT_RECORDED

    return _around(original, begin_if_active)


def hooked(hook: Hook, original: Function, patch: Patch) -> Function:
    """The method of a hook, which hears of its calls."""
    bind = _binder(original)

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            end = hook.begin(bind(args, kwargs)) if patch.active else None
        except Exception as fault:
            report(f"observing {hook.target}", fault)
            return NOT_RECORDED
        return NOT_RECORDED if end is None else _GuardedEnd(f"observing {hook.target}", end)

    return _around(original, begin)


class _GuardedEnd:
    """Tells a hook of its method's end; what fails there is logged."""

    __slots__ = ("_doing", "_end")

    changed: Mapping[str, Any] = {}

    def __init__(self, doing: str, end: HookEnd) -> None:
        self._doing = doing
        self._end = end

    def returned(self, result: Any) -> Any:
        with guard(self._doing):
            self._end.returned(result)
        return result

    def raised(self, error: BaseException) -> None:
        with guard(self._doing):
            self._end.raised(error)


def _around(original: Function, begin: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Function:
    """The method with ``begin`` before it and the end told to what that gave; its own call is made once, unchanged."""
    change = _changer(original)

    if inspect.iscoroutinefunction(inspect.unwrap(original)):

        @functools.wraps(original)
        async def around_async(*args: Any, **kwargs: Any) -> Any:
            recording = begin(args, kwargs)
            if recording.changed:
                args, kwargs = change(args, kwargs, recording.changed)
            try:
                result = await original(*args, **kwargs)
            except BaseException as error:
                recording.raised(error)
                raise
            return recording.returned(result)

        return around_async

    @functools.wraps(original)
    def around(*args: Any, **kwargs: Any) -> Any:
        recording = begin(args, kwargs)
        if recording.changed:
            args, kwargs = change(args, kwargs, recording.changed)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            recording.raised(error)
            raise
        return recording.returned(result)

    return around


def watched_wire(watch: Callable[[Any], None], original: Function, patch: Patch) -> Function:
    """The ``__init__`` of a connection, which ``watch`` is given."""

    @functools.wraps(original)
    def opened(connection: Any, *args: Any, **kwargs: Any) -> None:
        original(connection, *args, **kwargs)
        if patch.active:
            watch(connection)

    return opened


def tapped(tap: Tap, original: Function, patch: Patch) -> Function:
    """The method of a tap, which observes its calls."""
    bind = _binder(original)

    def observe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        recording = current_recording.get()
        if recording is None or not patch.active:
            return
        try:
            tap.observe(recording, bind(args, kwargs))
        except Exception as fault:
            report(f"observing {tap.target}", fault)

    if inspect.iscoroutinefunction(inspect.unwrap(original)):

        @functools.wraps(original)
        async def observed_async(*args: Any, **kwargs: Any) -> Any:
            if not tap.after:
                observe(args, kwargs)
            result = await original(*args, **kwargs)
            if tap.after:
                observe(args, {**kwargs, "return": result})
            return result

        return observed_async

    @functools.wraps(original)
    def observed(*args: Any, **kwargs: Any) -> Any:
        if not tap.after:
            observe(args, kwargs)
        result = original(*args, **kwargs)
        if tap.after:
            observe(args, {**kwargs, "return": result})
        return result

    return observed


def chunk_tapped(original: Function, patch: Patch) -> Function:
    """The method of a chunk tap, which shows chunks to whoever watches their stream."""

    @functools.wraps(original)
    def shown(*args: Any, **kwargs: Any) -> Any:
        if patch.active:
            watcher = watcher_of(kwargs.get("response"))
            if watcher is not None:
                watcher.sent(kwargs.get("data"))
        return original(*args, **kwargs)

    return shown


def _binder(function: Function) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Arguments by name, at a fraction of the cost of `inspect.Signature.bind`."""
    parameters = inspect.signature(function).parameters.values()
    names = tuple(parameter.name for parameter in parameters if parameter.kind in _POSITIONAL)
    rest = next((parameter.name for parameter in parameters if parameter.kind is Parameter.VAR_POSITIONAL), None)

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**dict(zip(names, args)), **kwargs}  # calls may leave parameters out

    def bind_with_rest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**bind(args, kwargs), rest: args[len(names) :]}  # type: ignore[dict-item]

    return bind if rest is None else bind_with_rest


def _changer(function: Function) -> Callable[[Any, Any, Mapping[str, Any]], tuple[Any, Any]]:
    """Arguments with some of them replaced, wherever they were given."""
    names = tuple(inspect.signature(function).parameters)

    def change(args: tuple[Any, ...], kwargs: dict[str, Any], changed: Mapping[str, Any]) -> tuple[Any, Any]:
        positional = tuple(changed.get(name, value) for name, value in zip(names, args))
        named = {name: value for name, value in changed.items() if name not in names[: len(args)]}
        return (*positional, *args[len(positional) :]), {**kwargs, **named}

    return change

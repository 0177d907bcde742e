"""A function whose code runs later than its call keeps the span that was current at the call."""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from tracer._engine.context import current

if TYPE_CHECKING:
    from tracer._engine.arguments import AnyFunction
    from tracer._engine.recorder import Recorder

# the keyword argument that hands the span on; no identifier, so that no caller's own keyword has this name
IN_CALL = "called in"


def _of_the_function(name: str) -> Any:
    return property(lambda self: getattr(self._traced, name), lambda self, value: setattr(self._traced, name, value))


class KeepsCallContext:
    """A traced coroutine function or generator function.

    Calling one runs none of its code, and only its code makes it one to ``inspect`` and to frameworks. So this is
    called in its place, and is the function in all else: its kind, its name, its attributes.
    """

    __slots__ = ("__weakref__", "_parts", "_traced")

    # found in the class before __getattr__ is asked
    __class__ = property(lambda self: FunctionType)  # pyright: ignore[reportIncompatibleMethodOverride]
    __dict__ = _of_the_function("__dict__")

    def __init__(self, traced: AnyFunction, recorder: Recorder) -> None:
        object.__setattr__(self, "_traced", traced)
        object.__setattr__(self, "_parts", (traced, recorder))  # read at once, which each call does

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        traced, recorder = self._parts
        if recorder.recording:
            span = recorder.shared_parent() if recorder.otel.shares_context else current.get()
            if span is not None:
                kwargs[IN_CALL] = span
        return traced(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> object:
        return self if instance is None else MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._traced, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._traced, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._traced, name)

    def __dir__(self) -> list[str]:
        return dir(self._traced)

    def __repr__(self) -> str:
        return repr(self._traced)

    def __reduce_ex__(self, protocol: object) -> str:
        return str(self._traced.__qualname__)  # by reference, as functions are pickled

    def __copy__(self) -> KeepsCallContext:
        return self

    def __deepcopy__(self, memo: object) -> KeepsCallContext:
        return self


for _name in ("__doc__", "__module__"):
    setattr(KeepsCallContext, _name, _of_the_function(_name))

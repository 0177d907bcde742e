"""A traced callable that is no function: a partial, a cached function, a task, an object with ``__call__``."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

import wrapt

from tracer._engine.arguments import AnyFunction
from tracer._engine.step import Step

if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:  # wrapt 2's ObjectProxy can be iterated even if the wrapped object cannot
    _Proxy = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)


class CalledInPlace(_Proxy):
    """A callable object in all but its calls, which go to another."""

    def __init__(self, wrapped: AnyFunction, called: AnyFunction) -> None:
        super().__init__(wrapped)
        self._self_called = called

    # a property, so that `obj.__call__` is of the kind that frameworks look for, such as a coroutine function
    __call__ = property(lambda self: self._self_called)

    def __get__(self, instance: object, owner: type | None = None) -> object:
        wrapped = self.__wrapped__
        bind = getattr(type(wrapped), "__get__", None)
        if instance is None or bind is None or bind(wrapped, instance, owner) is wrapped:
            return self
        return MethodType(cast("AnyFunction", self), instance)


class ObjectInContext(CalledInPlace):
    """A callable object whose calls run in a context."""

    def __init__(self, wrapped: AnyFunction, called: AnyFunction, made_by: tuple[object, ...]) -> None:
        super().__init__(wrapped, called)
        self._self_made_by = made_by

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return self._self_made_by


class TracedObject(CalledInPlace):
    """A callable object whose calls are recorded."""

    def __init__(self, step: Step, called: AnyFunction) -> None:
        super().__init__(step.function, called)
        self._self_step = step

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        return self._self_reference() or (_traced, (self._self_step,))

    def _self_reference(self) -> str | None:
        """The name by which other processes import it, if there is one."""
        name = getattr(self, "__qualname__", None)
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for part in name.split(".") if isinstance(name, str) else ():
            found = getattr(found, part, None)
        return name if found is self else None

    def __copy__(self) -> object:
        return _traced(replace(self._self_step, function=copy.copy(self.__wrapped__)))

    def __deepcopy__(self, memo: dict[int, Any]) -> object:
        return _traced(replace(self._self_step, function=copy.deepcopy(self.__wrapped__, memo)))


def _traced(step: Step) -> object:
    from tracer._engine.decorator import traced

    return traced(step)

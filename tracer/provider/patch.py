"""Replacing a method of an SDK's class by ours, and restoring the very original."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

Function = Callable[..., Any]
MakeReplacement = Callable[[Function, "Patch"], Function]
Places = str | tuple[str, ...]

_ABSENT: Any = object()
_lock = threading.RLock()


class DoorMovedError(Exception):
    """The method to replace does not exist, or lacks a parameter."""


class Patch:
    """One replaced method; ``active`` is checked at every call.

    A place is ``module:Class.method`` or ``module:function``; of several, the first that fits is patched.
    """

    __slots__ = ("_found", "_holder", "_make", "_name", "_original", "_replacement", "active", "parameters", "places")

    def __init__(self, places: Places, make_replacement: MakeReplacement, *, parameters: tuple[str, ...] = ()) -> None:
        self.places = (places,) if isinstance(places, str) else places
        self.parameters = parameters
        self.active = False
        self._make = make_replacement
        self._found: tuple[Any, str] | None = None
        self._holder: Any = None
        self._name = ""
        self._original: Any = _ABSENT
        self._replacement: Any = None

    def check(self) -> None:
        """Raise `DoorMovedError` unless the method exists and takes the parameters that are needed."""
        reasons = []
        for place in self.places:
            try:
                self._found = self._find(place)
                return
            except DoorMovedError as error:
                reasons.append(str(error))
        raise DoorMovedError(", ".join(reasons))

    def _find(self, place: str) -> tuple[Any, str]:
        holder, name = _resolve(place)
        function = getattr(holder, name, None)
        if not callable(function):
            raise DoorMovedError(f"{place} is not there")
        try:
            taken = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise DoorMovedError(f"{place} has no signature") from error
        missing = [name for name in self.parameters if name not in taken]
        if missing:
            raise DoorMovedError(f"{place} takes no {', '.join(missing)}{_hiding_wrapper(function, place)}")
        return holder, name

    def install(self) -> None:
        """Put ours in place, or activate it where it is still below another wrapper."""
        with _lock:
            if not self._is_in_place():
                self._replace()
            self.active = True

    def remove(self) -> None:
        """Restore the original; below another wrapper, become transparent instead."""
        with _lock:
            self.active = False
            if self._holder is None or vars(self._holder).get(self._name) is not self._replacement:
                return
            self._restore()
            self._holder = self._replacement = None
            self._original = _ABSENT

    def _replace(self) -> None:
        if self._found is None:
            self.check()
        assert self._found is not None
        holder, name = self._found
        original = vars(holder).get(name, _ABSENT)
        inherited = getattr(holder, name) if original is _ABSENT else original
        if isinstance(inherited, (staticmethod, classmethod)):
            replacement: Any = type(inherited)(self._make(inherited.__func__, self))
        else:
            replacement = self._make(inherited, self)
        setattr(holder, name, replacement)
        self._holder, self._name, self._original, self._replacement = holder, name, original, replacement

    def _restore(self) -> None:
        if self._original is _ABSENT:
            delattr(self._holder, self._name)
        else:
            setattr(self._holder, self._name, self._original)

    def _is_in_place(self) -> bool:
        if self._holder is None:
            return False
        current = vars(self._holder).get(self._name)
        return any(layer is self._replacement for layer in _layers(current))


def _resolve(place: str) -> tuple[Any, str]:
    """The holder of a method and the method's name."""
    module_name, _, path = place.partition(":")
    *owners, name = path.split(".")
    try:
        holder: Any = importlib.import_module(module_name)
        for owner in owners:
            holder = getattr(holder, owner)
    except (ImportError, AttributeError) as error:
        raise DoorMovedError(f"{place} is not there") from error
    return holder, name


def _hiding_wrapper(function: Any, place: str) -> str:
    """Names a wrapper without `functools.wraps`, which hides the parameters of the method below it."""
    module = getattr(function, "__module__", None)
    if not module or module == place.partition(":")[0]:
        return ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f", since {module}.{name} stands in its place: call autolog() before it, or give it functools.wraps"


def _layers(function: Any) -> Iterator[Any]:
    """A function, the function that it wraps, and so on."""
    seen = 0
    while function is not None and seen < 100:
        yield function
        function = getattr(function, "__wrapped__", None)
        seen += 1

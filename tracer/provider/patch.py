"""Replacing a method of an SDK by ours, for all holders of it, and restoring the very original.

Other instrumentations put wrappers on a subclass, on one client or on the class itself, and take them off again; each
wrapper holds the SDK's function. So that function stays in its place, and its code is exchanged.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from types import CellType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing import TypeGuard

Function = Callable[..., Any]
MakeReplacement = Callable[[Function, "Patch"], Function]
Places = str | tuple[str, ...]

_ABSENT: Any = object()
_lock = threading.RLock()
_replacements: weakref.WeakSet[Function] = weakref.WeakSet()  # of all patches, in place or not


class DoorMovedError(Exception):
    """The method to replace does not exist, or lacks a parameter."""


class _Found(NamedTuple):
    """A method that exists."""

    holder: Any  # a class or a module
    name: str
    function: Any  # the SDK's own FunctionType; None where it cannot be exchanged for all its holders

    def held(self) -> object:
        """The object in the method's place now."""
        return vars(self.holder).get(self.name, _ABSENT)


class Patch:
    """One replaced method; ``active`` is checked at every call.

    A place is ``module:Class.method`` or ``module:function``; of several, the first that fits is patched.
    """

    __slots__ = ("_found", "_make", "_replacement", "_restore", "active", "parameters", "places")

    def __init__(self, places: Places, make_replacement: MakeReplacement, *, parameters: tuple[str, ...] = ()) -> None:
        self.places = (places,) if isinstance(places, str) else places
        self.parameters = parameters
        self.active = False
        self._make = make_replacement
        self._found: _Found | None = None
        self._replacement: Function | None = None
        self._restore: Callable[[], bool] | None = None

    def check(self) -> None:
        """Raise `DoorMovedError` unless the method exists and takes the parameters that are needed."""
        reasons = []
        for place in self.places:
            try:
                found = self._find(place)
            except DoorMovedError as error:
                reasons.append(str(error))
                continue
            if self._replacement is None:
                self._found = found
            return
        raise DoorMovedError(", ".join(reasons))

    def _find(self, place: str) -> _Found:
        holder, name = _resolve(place)
        method = getattr(holder, name, None)
        if not callable(method):
            raise DoorMovedError(f"{place} is not there")
        function = _function_of_sdk(holder, name)
        try:
            taken = inspect.signature(function or method).parameters
        except (TypeError, ValueError) as error:
            raise DoorMovedError(f"{place} has no signature") from error
        missing = [name for name in self.parameters if name not in taken]
        if missing:
            raise DoorMovedError(f"{place} takes no {', '.join(missing)}{_hiding_wrapper(method, place)}")
        return _Found(holder, name, function)

    def install(self) -> None:
        """Put ours in place, or activate it where it is still below another wrapper."""
        with _lock:
            if self._found is None:
                self.check()
            assert self._found is not None
            if not self._is_in_place(self._found):
                self._replace(self._found)
            self.active = True

    def remove(self) -> None:
        """Restore the original; below another wrapper, become transparent instead."""
        with _lock:
            self.active = False
            if self._restore is not None and self._restore():
                self._replacement = self._restore = None

    def hidden_by(self) -> list[str]:
        """The methods of subclasses that take this one's place and lead to nothing that is recorded."""
        found = self._found
        if found is None or not isinstance(found.holder, type):
            return []
        return [
            f"{kind.__module__}.{kind.__qualname__}.{found.name}"
            for kind in _subclasses(found.holder)
            if found.name in vars(kind) and not self._leads_on(vars(kind)[found.name], found)
        ]

    def _leads_on(self, method: object, found: _Found) -> bool:
        """Whether a subclass's method leads to the one that is recorded, or is the SDK's own."""
        target = found.function or self._replacement
        if _is_function(method) and _package(_defined_in(method)) == _package(_module_of(found.holder)):
            return True
        return any(
            reached is target
            or (_is_function(reached) and (reached in _replacements or found.name in reached.__code__.co_names))
            for reached in _reached(method)  # the last: super().request(…)
        )

    def _replace(self, found: _Found) -> None:
        replace = _assign if found.function is None else _exchange_code
        self._replacement, self._restore = replace(found, lambda original: self._make(original, self))
        _replacements.add(self._replacement)

    def _is_in_place(self, found: _Found) -> bool:
        held = found.function or found.held()
        return self._replacement is not None and any(reached is self._replacement for reached in _reached(held))


Replaced = tuple[Function, Callable[[], bool]]  # the replacement, and a function that restores the original if it can


def replace_code(function: FunctionType, make: Callable[[Function], Function]) -> Callable[[], bool]:
    """Let a function call the result of ``make`` for a copy of it; the returned function restores it."""
    return _exchange_code(_Found(None, function.__name__, function), make)[1]


def _exchange_code(found: _Found, make: Callable[[Function], Function]) -> Replaced:
    """Let a function call the replacement of its copy."""
    function: Any = found.function
    code, shown = function.__code__, vars(function).get("__wrapped__")
    original = _copy(function)
    replacement = make(original)
    ours = _code_calling(replacement, code)
    _show(function, original)
    function.__code__ = ours

    def restore() -> bool:
        if function.__code__ is not ours:
            return False
        function.__code__ = code
        _show(function, shown)
        return True

    return replacement, restore


def _copy(function: FunctionType) -> FunctionType:
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, function)
    _show(made, vars(function).get("__wrapped__"))
    return made


def _show(function: FunctionType, wrapped: object) -> None:
    """Say where a function's signature and source are, as functools.wraps does."""
    if wrapped is None:
        vars(function).pop("__wrapped__", None)
    else:
        vars(function)["__wrapped__"] = wrapped


def _call(*args: object, **kwargs: object) -> object:
    replacement: Any = "the replacement"
    return replacement(*args, **kwargs)


async def _call_async(*args: object, **kwargs: object) -> object:
    replacement: Any = "the replacement"
    return await replacement(*args, **kwargs)


def _call_generator(*args: object, **kwargs: object) -> Generator[object, object, object]:
    replacement: Any = "the replacement"
    result: object = yield from replacement(*args, **kwargs)
    return result


def _code_calling(replacement: Function, code: CodeType) -> CodeType:
    """Code of the same kind that calls the replacement, a generator's at its first step, as its own body would be run.

    It uses no globals and no closure, which stay those of the function.
    """
    kind = code.co_flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR)
    calls: dict[int, Function] = {inspect.CO_COROUTINE: _call_async, inspect.CO_GENERATOR: _call_generator}
    calling = calls.get(kind, _call).__code__
    constants = tuple(replacement if constant == "the replacement" else constant for constant in calling.co_consts)
    return calling.replace(co_consts=constants, co_name=code.co_name, co_freevars=code.co_freevars)


def _assign(found: _Found, make: Callable[[Function], Function]) -> Replaced:
    """Set an attribute that is no function of the SDK's own: it is inherited, compiled, or hidden by a wrapper."""
    holder, name, _ = found
    original = found.held()
    inherited: Any = original if isinstance(original, (staticmethod, classmethod)) else getattr(holder, name)
    if isinstance(inherited, (staticmethod, classmethod)):
        replacement = make(inherited.__func__)
        placed: object = type(inherited)(replacement)
    else:
        placed = replacement = make(inherited)
    setattr(holder, name, placed)

    def restore() -> bool:
        if found.held() is not placed:
            return False
        if original is _ABSENT:
            delattr(holder, name)
        else:
            setattr(holder, name, original)
        return True

    return replacement, restore


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


def _function_of_sdk(holder: Any, name: str) -> FunctionType | None:
    """The function that the SDK defines in a place, behind whatever others have put over it.

    None for an async generator's: its code may only be exchanged for one that cannot pass on values sent to it.
    """
    path = f"{holder.__qualname__}.{name}" if isinstance(holder, type) else name
    module = _module_of(holder)
    for reached in _reached(vars(holder).get(name)):
        if (
            _is_function(reached)
            and reached.__qualname__ == path
            and reached.__code__.co_name == name  # functools.wraps gives a wrapper neither this nor the globals
            and _defined_in(reached) == module
        ):
            return None if reached.__code__.co_flags & inspect.CO_ASYNC_GENERATOR else reached
    return None


def _is_function(value: object) -> TypeGuard[FunctionType]:
    """Whether this is a function itself: proxies such as wrapt's pass for instances of the wrapped class."""
    return type(value) is FunctionType


def _module_of(holder: Any) -> str:
    return str(holder.__module__ if isinstance(holder, type) else holder.__name__)


def _defined_in(function: FunctionType) -> object:
    """The module of a function's code, whatever name the function was given."""
    return function.__globals__.get("__name__")


def _package(module: object) -> str:
    return str(module).partition(".")[0]


def _subclasses(kind: type) -> Iterator[type]:
    below: type
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _reached(start: object) -> Iterator[object]:
    """Functions behind wrappers, nearest first: in closures, methods, partials, and attributes of callable objects."""
    queue, seen = [start], set[int]()
    while queue and len(seen) < 200:
        value = queue.pop(0)
        if id(value) in seen or isinstance(value, type) or not (callable(value) or isinstance(value, classmethod)):
            continue
        seen.add(id(value))
        yield value
        queue.extend(_held_by(value))


def _held_by(value: Any) -> Iterable[object]:
    if isinstance(value, (MethodType, classmethod, staticmethod)):
        return [value.__func__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args]
    try:
        held = [getattr(value, "__wrapped__", None), *vars(value).values()]
        if _is_function(value):
            held += value.__code__.co_consts
            held += [cell.cell_contents for cell in value.__closure__ or () if cell != CellType()]
    except Exception:  # a foreign object that answers in its own way
        return []
    return held


def _hiding_wrapper(function: Any, place: str) -> str:
    """Names a wrapper without `functools.wraps`, which hides the parameters of the method below it."""
    module = getattr(function, "__module__", None)
    if not module or module == place.partition(":")[0]:
        return ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f", since {module}.{name} stands in its place: call autolog() before it, or give it functools.wraps"

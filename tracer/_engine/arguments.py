"""A call's arguments by their parameter names, without calling ``inspect.signature`` for each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

AnyFunction: TypeAlias = Callable[..., Any]


class ArgumentNames:
    """Names of a function's parameters, worked out once."""

    __slots__ = ("_defaults", "_keyword_rest", "_names", "_positional_rest", "_skip")

    def __init__(self, function: AnyFunction) -> None:
        self._names: list[str] = []
        self._positional_rest = "args"
        self._keyword_rest: str | None = None
        self._skip = 0
        self._defaults: list[tuple[str, object]] = []
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some builtins have no signature
            return
        self._names, rest = _positional(parameters)
        self._positional_rest = rest or "args"
        self._defaults = [(p.name, p.default) for p in parameters if p.default is not p.empty]
        keywords = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        for parameter in parameters:
            if parameter.kind is parameter.VAR_KEYWORD and parameter.name not in keywords:
                self._keyword_rest = parameter.name
        self._skip = 1 if self._names[:1] in (["self"], ["cls"]) and _is_in_class(function) else 0

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        """The arguments as the function gets them, defaults among them, without ``self`` and ``cls``."""
        names = self._names
        bound: dict[str, object] = dict(zip(names[self._skip :], args[self._skip :], strict=False))
        if len(args) > len(names):
            bound[self._positional_rest] = list(args[len(names) :])
        if kwargs:
            self._bind_keywords(bound, kwargs)
        for name, default in self._defaults:
            if name not in bound and name not in kwargs:
                bound[name] = default
        return bound

    def _bind_keywords(self, bound: dict[str, object], kwargs: dict[str, object]) -> None:
        if self._keyword_rest is not None and self._keyword_rest in kwargs:
            bound[self._keyword_rest] = kwargs  # a keyword argument called like the rest: keep them apart
        else:
            bound.update(kwargs)


def argument_binder(function: Callable[..., Any]) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """A function that names the arguments of a wrapped method: all, ``self`` and an empty ``*args`` included.

    It runs in each call through an SDK, so it does nothing else; `ArgumentNames` names what a user wants to read.
    """
    names, rest = _positional(list(inspect.signature(function).parameters.values()))

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**dict(zip(names, args)), **kwargs}  # a call may leave parameters out

    if rest is None:
        return bind
    rest_name, count = rest, len(names)

    def bind_with_rest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**bind(args, kwargs), rest_name: args[count:]}

    return bind_with_rest


def _positional(parameters: list[inspect.Parameter]) -> tuple[list[str], str | None]:
    """Names of the parameters that take positional arguments, and of the one that takes the rest of them."""
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names, next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)


def _is_in_class(function: Callable[..., Any]) -> bool:
    return "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]

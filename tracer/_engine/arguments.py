"""A call's arguments by their parameter names, without calling ``inspect.signature`` for each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

AnyFunction: TypeAlias = Callable[..., Any]


class ArgumentNames:
    """Names of a function's parameters, worked out once."""

    __slots__ = ("_keyword_rest", "_names", "_positional_rest", "_skip")

    def __init__(self, function: AnyFunction) -> None:
        self._names: list[str] = []
        self._positional_rest = "args"
        self._keyword_rest: str | None = None
        self._skip = 0
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some builtins have no signature
            return
        self._names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        keywords = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                self._positional_rest = parameter.name
            elif parameter.kind is parameter.VAR_KEYWORD and parameter.name not in keywords:
                self._keyword_rest = parameter.name
        self._skip = 1 if self._names[:1] in (["self"], ["cls"]) and _is_in_class(function) else 0

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        """The arguments as a function's caller thinks of them, without ``self`` and ``cls``."""
        names = self._names
        bound: dict[str, object] = dict(zip(names[self._skip :], args[self._skip :], strict=False))
        if len(args) > len(names):
            bound[self._positional_rest] = list(args[len(names) :])
        if kwargs:
            self._bind_keywords(bound, kwargs)
        return bound

    def _bind_keywords(self, bound: dict[str, object], kwargs: dict[str, object]) -> None:
        if self._keyword_rest is not None and self._keyword_rest in kwargs:
            bound[self._keyword_rest] = kwargs  # a keyword argument called like the rest: keep them apart
        else:
            bound.update(kwargs)


def _is_in_class(function: AnyFunction) -> bool:
    return "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]

"""The kinds of function: a wrapper has to be of the same kind, so that frameworks treat it like the original."""

from __future__ import annotations

import functools
import inspect
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer._engine.arguments import AnyFunction


class Kind(Enum):
    """The way in which the code of a function runs."""

    PLAIN = "plain"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"


def kind_of(function: AnyFunction) -> Kind:
    """The kind of a function, or of the function that a partial or a callable object calls."""
    while isinstance(function, functools.partial):
        function = function.func
    called = function if inspect.isroutine(function) else getattr(type(function), "__call__", function)  # noqa: B004
    if inspect.isasyncgenfunction(called):
        return Kind.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(called):
        return Kind.COROUTINE
    if inspect.isgeneratorfunction(called):
        return Kind.GENERATOR
    return Kind.PLAIN

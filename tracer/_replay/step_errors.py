"""The exception of a step: its form in a cassette or a trace, and the same exception made again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress

from tracer._engine.exceptions import name_of_type, type_name
from tracer._json import JsonObject


def failure_of(error: Exception) -> JsonObject:
    """The type, with its module where it is not Python's own, and the text."""
    return {"error": {"type": type_name(error), "message": str(error)}}


def raised_again(error: Mapping[str, str]) -> Exception:
    """An exception of the type that was raised, with the same text; a RuntimeError where there is no such type."""
    name, message = error["type"], error["message"]
    kind = _kind(name)
    for made in () if kind is None else _made(kind, message):
        if str(made) == message:
            return made
    return RuntimeError(f"{name.rpartition('.')[2]}: {message}")


def _made(kind: type[Exception], message: str) -> Iterator[Exception]:
    """Exceptions that may have this text."""
    with suppress(Exception):
        yield kind(message) if message else kind()
    with suppress(Exception):
        yield kind(ast.literal_eval(message))  # the text of a KeyError is its key as Python writes it
    with suppress(Exception):
        found = kind.__new__(kind)  # its own __init__ takes other arguments
        found.args = (message,)
        yield found


def _kind(name: str) -> type[Exception] | None:
    """The loaded exception of this name; another module's where only one has it: a script is `__main__` elsewhere."""
    kinds = list(dict.fromkeys(_all(Exception)))
    exact = [kind for kind in kinds if name_of_type(kind) == name]
    short = name.rpartition(".")[2]
    found = exact or [kind for kind in kinds if kind.__name__ == short]
    return found[-1] if exact or len(found) == 1 else None


def _all(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _all(below)

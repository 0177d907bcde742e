"""Texts of values of any kind: bounded before the work, and without asking objects to work."""

from __future__ import annotations

from enum import Enum
from typing import Any

from tracer._encoding.bounds import TOO_MANY, item_weight, longest_text
from tracer._encoding.foreign import has_no_parts, is_native, text_of_object
from tracer._encoding.plain import Plain
from tracer._encoding.text import cut_text, text_of

_ASK_FOR_ARGUMENTS = (BaseException.__str__, KeyError.__str__)


def shown_text(value: Any, limit: int) -> str:
    """The value's ``str()`` in at most ``limit`` characters; of a large or lazy one, the part that is recorded."""
    kind = type(value)
    if kind is str:
        return cut_text(value, limit)
    if issubclass(kind, BaseException):
        return exception_text(value, limit)
    if is_short(value, limit) or kind is type or issubclass(kind, (int, float, Enum)) or is_native(kind):
        return cut_text(text_of(value), limit)
    if issubclass(kind, str):
        return cut_text(text_of(value), limit)
    if has_no_parts(kind):
        return cut_text(text_of_object(value), limit)
    copied = Plain(limit, item_weight(limit))(value)
    return cut_text(copied if type(copied) is str else str(copied), limit)


def exception_text(error: BaseException, limit: int) -> str:
    """The exception's ``str()`` of at most ``limit`` characters, bounded where it consists of the arguments."""
    if shows_itself(error, limit):
        return cut_text(str(error), limit)
    if len(error.args) == 1:
        return shown_text(error.args[0], limit)
    shown = [cut_text(repr(x), limit) if is_short(x, limit) else shown_text(x, limit) for x in error.args]
    return cut_text(f"({', '.join(shown)})", limit)


def shows_itself(error: BaseException, limit: int) -> bool:
    """Whether an exception makes its text itself, or of few and plain arguments."""
    return type(error).__str__ not in _ASK_FOR_ARGUMENTS or is_short(error.args, limit)


def is_short(value: object, limit: int) -> bool:
    """Whether a value is plain, and small enough for its ``str()``."""
    return longest_text(value, limit) not in (None, TOO_MANY)

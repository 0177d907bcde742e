"""Whether a row in memory meets a filter: for small listings, which need no index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.store.filter.expression import And, Comparison, Expression, Field, Not, Or
from tracer.store.numbers import number_of
from tracer.store.pattern import ilike, like

Lookup = Callable[[Field], Any]


def is_met(expression: Expression, lookup: Lookup) -> bool:
    """Whether the expression holds; ``lookup`` gives the value of a field, None where it is absent."""
    if isinstance(expression, Not):
        return not is_met(expression.part, lookup)
    if isinstance(expression, And):
        return all(is_met(part, lookup) for part in expression.parts)
    if isinstance(expression, Or):
        return any(is_met(part, lookup) for part in expression.parts)
    return _holds(expression, lookup(expression.field))


def _holds(comparison: Comparison, value: Any) -> bool:
    operator, wanted = comparison.operator, comparison.value
    if operator in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (operator == "IS NULL")
    if value is None:
        return False
    if operator in ("IN", "NOT IN"):
        listed = wanted if isinstance(wanted, tuple) else (wanted,)
        return any(_same(value, item) for item in listed) == (operator == "IN")
    if operator in ("=", "!="):
        return _same(value, wanted) == (operator == "=")
    if operator in ("<", "<=", ">", ">="):
        return _is_ordered(value, operator, wanted)
    found = _matches(str(value), operator.replace("NOT ", ""), str(wanted))
    return not found if operator.startswith("NOT ") else found


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return str(value).lower() == str(wanted).lower()
    if isinstance(wanted, (int, float)):
        number = _number(value)
        return number is not None and number == wanted
    return str(value) == str(wanted)


def _is_ordered(value: Any, operator: str, wanted: Any) -> bool:
    left: Any = value if isinstance(wanted, str) else _number(value)
    if left is None or isinstance(left, str) != isinstance(wanted, str):
        return False
    if operator in ("<", "<="):
        return bool(left < wanted or (operator == "<=" and left == wanted))
    return bool(left > wanted or (operator == ">=" and left == wanted))


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return number_of(value)
    return value if isinstance(value, (int, float)) else None


def _matches(text: str, operator: str, wanted: str) -> bool:
    if operator == "CONTAINS":
        return wanted.lower() in text.lower()
    return ilike(text, wanted) if operator == "ILIKE" else like(text, wanted)

"""The checked expression of a filter string.

Logic is two-valued: a comparison with something absent is false (also ``!=``), and NOT turns it around.
Each ``span.*``, ``feedback.*`` and ``expectation.*`` comparison holds when *some* span or assessment meets it, each by
itself: two of them may be met by two spans. Their ``IS NULL`` holds when none has a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

Operator = Literal[
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "NOT ILIKE",
    "CONTAINS",
    "IN",
    "NOT IN",
    "IS NULL",
    "IS NOT NULL",
]
Kind = Literal["text", "number", "duration", "timestamp", "state", "any", "fulltext"]
Scalar = Union[str, int, float, bool]
Value = Union[Scalar, tuple[Scalar, ...], None]


@dataclass(frozen=True)
class Field:
    """The left side of a comparison: its name, kind of values, and the key below it (``tags.env`` has ``env``)."""

    name: str
    kind: Kind
    key: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One condition. Durations are in ms, timestamps in ms since the epoch, states in upper case."""

    field: Field
    operator: Operator
    value: Value = None


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Expression


Expression = Union[Comparison, And, Or, Not]


@dataclass(frozen=True)
class OrderTerm:
    """One sort key of a listing."""

    field: str
    descending: bool


def all_of(*parts: Expression | None) -> Expression | None:
    """The expression that holds when all given ones hold; absent ones are left out."""
    given = tuple(
        inner for part in parts if part is not None for inner in (part.parts if isinstance(part, And) else (part,))
    )
    if not given:
        return None
    return given[0] if len(given) == 1 else And(given)

"""SQL in parts that carry their parameters, so that no code counts question marks or takes SQL text apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

Cell = Union[str, int, float, bytes, None]
Cells = Sequence[Cell]


@dataclass(frozen=True)
class Fragment:
    """A condition, or a column, with its parameters.

    ``is_narrow`` marks a condition that by itself names the few traces that can meet it.
    """

    text: str
    parameters: Cells = ()
    is_narrow: bool = False


def fill(template: str, *parts: str | Fragment, parameters: Cells = ()) -> Fragment:
    """A template with parts in its braces, in their order; ``parameters`` belong to question marks behind them."""
    fragments = [Fragment(part) if isinstance(part, str) else part for part in parts]
    text = template.format(*(fragment.text for fragment in fragments))
    return Fragment(text, (*(cell for fragment in fragments for cell in fragment.parameters), *parameters))


def join(word: str, parts: Sequence[Fragment]) -> Fragment:
    """Conditions with AND or OR between them."""
    return Fragment(f" {word} ".join(part.text for part in parts), [cell for part in parts for cell in part.parameters])


def marks(cells: Cells) -> str:
    """A question mark for each cell."""
    return ",".join("?" * len(cells))


def columns(row: type[tuple[object, ...]], prefix: str = "", **expressions: str) -> str:
    """The columns of a SELECT in the order of a NamedTuple's fields, some of which may be expressions."""
    return ", ".join(expressions.get(name, prefix + name) for name in row.__annotations__)


@dataclass(frozen=True)
class Sql:
    """``FROM … WHERE …``: tables, the conditions on their rows, and the parameters of these."""

    tables: str
    where: str
    parameters: Cells = ()

    @property
    def text(self) -> str:
        """The text behind the word FROM."""
        return f"{self.tables} WHERE {self.where}"

    @property
    def fragment(self) -> Fragment:
        """The text behind the word FROM, with its parameters."""
        return Fragment(self.text, self.parameters)

    def matching(self, *conditions: str | Fragment | None) -> Sql:
        """Only the rows that meet further conditions; None is no condition."""
        given = [condition for condition in conditions if condition is not None]
        both = fill(" AND ".join(["{}"] * (len(given) + 1)), Fragment(self.where, self.parameters), *given)
        return Sql(self.tables, both.text, both.parameters)

    def cross_join(self, table: str, *conditions: str | Fragment) -> Sql:
        """The rows, each with its rows in another table."""
        # CROSS JOIN keeps the order of the tables: from a row to its rows in the other table
        return Sql(f"{self.tables} CROSS JOIN {table}", self.where, self.parameters).matching(*conditions)

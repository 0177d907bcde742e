"""FROM … WHERE for the traces that a filter selects, driven by the index that narrows most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracer.store.filter import And, Comparison, Expression
from tracer.store.sqlite.compile import Matcher, Sql, compare, compile_expression
from tracer.store.sqlite.migrations import LABEL_METADATA, LABEL_MODEL, LABEL_PROVIDER, LABEL_TAG

_DRIVING = {"tag": LABEL_TAG, "metadata": LABEL_METADATA, "model": LABEL_MODEL, "provider": LABEL_PROVIDER}


@dataclass(frozen=True)
class Selected:
    """The tables and conditions that select traces ``t``; ``start`` is the column that orders them by an index."""

    tables: str
    where: str
    parameters: list[Any]
    start: str

    @property
    def text(self) -> str:
        """``FROM … WHERE …`` without the word FROM."""
        return f"{self.tables} WHERE {self.where}"

    def joined(self, table: str, condition: str) -> str:
        """The same with what belongs to each trace in another table."""
        # CROSS JOIN keeps the order of the tables: from a trace to what belongs to it
        return f"{self.tables} CROSS JOIN {table} WHERE {self.where} AND {condition}"


def selected(expression: Expression | None, fulltext: Matcher) -> Selected:
    """All listed traces that meet the filter."""
    source, condition, is_driven = driven(expression, fulltext)
    tables, _, where = source.text.partition(" WHERE")
    where, parameters = f"{where} t.start IS NOT NULL", source.parameters
    if condition is not None:
        where, parameters = f"{where} AND {condition.text}", [*parameters, *condition.parameters]
    return Selected(tables, where, parameters, "d.start" if is_driven else "t.start")


def driven(expression: Expression | None, fulltext: Matcher, *, by_label: bool = True) -> tuple[Sql, Sql | None, bool]:
    """FROM … WHERE up to the first condition, the rest of the filter, and whether a label's index drives, as ``d``."""
    plain = Sql("traces t WHERE")
    if expression is None:
        return plain, None, False
    driver, rest = _driver(expression) if by_label else (None, expression)
    if driver is None or _is_narrow(rest, fulltext):
        return plain, compile_expression(expression, fulltext), False
    kind = _DRIVING[driver.field.name]
    key, value = (driver.field.key, driver.value) if kind in (LABEL_TAG, LABEL_METADATA) else (driver.value, "")
    # CROSS JOIN keeps the order of the tables: walk the label's index newest first, look each trace up
    text = "labels d CROSS JOIN traces t ON t.num = d.trace WHERE d.kind = ? AND d.key = ? AND d.value = ? AND"
    return Sql(text, [kind, key, value]), _rest(rest, fulltext), True


def _is_narrow(expression: Expression | None, fulltext: Matcher) -> bool:
    """Whether one of the conditions names few traces by itself."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return any(
        isinstance(part, Comparison) and part.field.name == "text" and fulltext(part).is_narrow for part in parts
    )


def _rest(expression: Expression | None, fulltext: Matcher) -> Sql | None:
    """What the driving index leaves to be checked; times are checked in that index itself."""
    if expression is None:
        return None
    parts = expression.parts if isinstance(expression, And) else (expression,)
    checks = [
        compare("d.start", part)
        if isinstance(part, Comparison) and part.field.name == "start_ns"
        else compile_expression(part, fulltext)
        for part in parts
    ]
    return Sql(" AND ".join(check.text for check in checks), [value for check in checks for value in check.parameters])


def _driver(expression: Expression) -> tuple[Comparison | None, Expression | None]:
    """A condition whose index gives both the filter and the order, and what is left of the filter."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    for index, part in enumerate(parts):
        if (
            isinstance(part, Comparison)
            and part.field.name in _DRIVING
            and part.operator == "="
            and isinstance(part.value, str)
        ):
            rest = (*parts[:index], *parts[index + 1 :])
            return part, And(rest) if rest else None
    return None, expression

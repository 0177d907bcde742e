"""FROM … WHERE for the traces that a filter selects, driven by the index that narrows most."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.store.filter import And, Comparison, Expression
from tracer.store.sql import Fragment, Sql, join
from tracer.store.sqlite.compile import LABELS, Matcher, compare, compile_expression
from tracer.store.sqlite.schema import LABEL_METADATA, LABEL_TAG


@dataclass(frozen=True)
class Selected:
    """The traces ``t`` that a filter selects; ``start`` and ``number`` are the columns that order them by an index."""

    sql: Sql
    start: str = "t.start"
    number: str = "t.num"


def selected(expression: Expression | None, fulltext: Matcher, *, by_label: bool = True) -> Selected:
    """All listed traces that meet the filter; with ``by_label`` a label's index may drive, as ``d``."""
    listed = "t.start IS NOT NULL"
    plain = Sql("traces t", listed)
    if expression is None:
        return Selected(plain)
    driver, rest = _driver(expression) if by_label else (None, expression)
    if driver is None or _is_narrow(rest, fulltext):
        return Selected(plain.matching(compile_expression(expression, fulltext)))
    kind = LABELS[driver.field.name]
    key, value = (driver.field.key, driver.value) if kind in (LABEL_TAG, LABEL_METADATA) else (driver.value, "")
    # CROSS JOIN keeps the order of the tables: walk the label's index newest first, look each trace up
    labels = Sql(
        "labels d CROSS JOIN traces t ON t.num = d.trace",
        "d.kind = ? AND d.key = ? AND d.value = ?",
        [kind, str(key), str(value)],
    )
    return Selected(labels.matching(listed, _rest(rest, fulltext)), "d.start", "d.trace")


def _is_narrow(expression: Expression | None, fulltext: Matcher) -> bool:
    """Whether one of the conditions alone selects few traces."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return any(
        isinstance(part, Comparison) and part.field.name == "text" and fulltext(part).is_narrow for part in parts
    )


def _rest(expression: Expression | None, fulltext: Matcher) -> Fragment | None:
    """The conditions that the driving index does not answer; times are checked in that index itself."""
    if expression is None:
        return None
    parts = expression.parts if isinstance(expression, And) else (expression,)
    checks = [
        compare("d.start", part)
        if isinstance(part, Comparison) and part.field.name == "start_ns"
        else compile_expression(part, fulltext)
        for part in parts
    ]
    return join("AND", checks)


def _driver(expression: Expression) -> tuple[Comparison | None, Expression | None]:
    """A condition whose index gives both the filter and the order, and the rest of the filter."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    for index, part in enumerate(parts):
        if (
            isinstance(part, Comparison)
            and part.field.name in LABELS
            and part.operator == "="
            and isinstance(part.value, str)
        ):
            rest = (*parts[:index], *parts[index + 1 :])
            return part, And(rest) if rest else None
    return None, expression

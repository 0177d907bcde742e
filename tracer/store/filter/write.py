"""Writes an expression as a filter string, in which form it travels to a remote store."""

from __future__ import annotations

from tracer.store.filter.expression import And, Comparison, Expression, Field, Not, Or, OrderTerm, Scalar

_KEYED = {
    "tag": "tags",
    "metadata": "metadata",
    "feedback": "feedback",
    "expectation": "expectation",
    "span.attribute": "span.attributes",
}


def filter_text(expression: Expression | None) -> str | None:
    """A filter string that parses to this expression; None for none."""
    return None if expression is None else _text(expression)


def order_text(terms: tuple[OrderTerm, ...]) -> str:
    """The ``order_by`` that parses to these terms."""
    return ", ".join(f"{term.field} {'DESC' if term.descending else 'ASC'}" for term in terms)


def _text(expression: Expression) -> str:
    if isinstance(expression, Not):
        return f"NOT ({_text(expression.part)})"
    if isinstance(expression, (And, Or)):
        word = " AND " if isinstance(expression, And) else " OR "
        return word.join(f"({_text(part)})" for part in expression.parts)
    return _comparison(expression)


def _comparison(comparison: Comparison) -> str:
    field, value = _field(comparison.field), comparison.value
    if value is None:
        return f"{field} {comparison.operator}"
    if isinstance(value, tuple):
        return f"{field} {comparison.operator} ({', '.join(map(_value, value))})"
    return f"{field} {comparison.operator} {_value(value)}"


def _field(field: Field) -> str:
    if field.key is None:
        return field.name
    key = field.key.replace("`", "``")
    return f"{_KEYED.get(field.name, field.name)}.`{key}`"


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)

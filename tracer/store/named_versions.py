"""The condition on a trace's version in a filter: users say its name, the page its id."""

from __future__ import annotations

from collections.abc import Callable

from tracer.store.filter import Comparison
from tracer.store.sql import Fragment, Sql, fill


def version_is(
    compare: Callable[[str, Comparison], Fragment],
    comparison: Comparison,
    *,
    column: str,
    versions: Sql,
    id: str,
    name: str,
) -> Fragment:
    """By id or by name; with ``!=`` and NOT, neither of them may be it.

    ``column`` is that of traces; ``versions`` are the rows of all versions, with their ``id`` and ``name``.
    """
    operator = comparison.operator
    by_id, by_name = compare(column, comparison), compare(name, comparison)
    if operator.startswith("IS "):
        return by_id
    if operator == "!=" or operator.startswith("NOT "):
        others = versions.matching(fill("NOT ({})", by_name))
        return fill(f"({{}} AND {column} NOT IN (SELECT {id} FROM {{}}))", by_id, others.fragment)
    return fill(f"({{}} OR {column} IN (SELECT {id} FROM {{}}))", by_id, versions.matching(by_name).fragment)

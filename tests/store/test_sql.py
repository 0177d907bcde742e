"""SQL that is put together keeps its parameters in the order of its question marks."""

from __future__ import annotations

import pytest

from tracer.store.filter import Field, parse_filter
from tracer.store.filter.expression import Comparison
from tracer.store.sql import Fragment, Sql, fill, join
from tracer.store.sqlite.compile import compare
from tracer.store.sqlite.selecting import selected

pytestmark = pytest.mark.no_store


def test_conditions_and_joined_tables_bring_their_parameters() -> None:
    traces = Sql("traces t", "t.a = ?", [1])

    spans = traces.matching("t.b", None, Fragment("t.c = ?", [2])).cross_join("spans s", Fragment("s.d = ?", [3]))

    assert spans.text == "traces t CROSS JOIN spans s WHERE t.a = ? AND t.b AND t.c = ? AND s.d = ?"
    assert spans.parameters == (1, 2, 3)
    assert (traces.text, traces.parameters) == ("traces t WHERE t.a = ?", [1])


def test_a_column_that_is_named_twice_brings_its_parameters_twice() -> None:
    column = Fragment("value_of(?)", ["key"])

    found = compare(column, Comparison(Field("span.attribute", "any"), "NOT LIKE", "%x%"))

    assert found.text == "(value_of(?) IS NOT NULL AND NOT tracer_like(value_of(?), ?))"
    assert found.parameters == ("key", "key", "%x%")


def test_joined_conditions_may_hold_braces_and_words_of_sql() -> None:
    either = fill("({})", join("OR", [Fragment("a = '{} WHERE'"), Fragment("b = ?", [1])]))

    assert either == Fragment("(a = '{} WHERE' OR b = ?)", (1,))


def test_a_label_drives_a_selection_with_its_own_columns() -> None:
    found = selected(parse_filter("tags.env = 'WHERE' AND spans > 2"), lambda _: Fragment("0"))

    assert found.sql.text == (
        "labels d CROSS JOIN traces t ON t.num = d.trace"
        " WHERE d.kind = ? AND d.key = ? AND d.value = ? AND t.start IS NOT NULL AND t.spans > ?"
    )
    assert found.sql.parameters == (0, "env", "WHERE", 2)
    assert (found.start, found.number) == ("d.start", "d.trace")

"""A filter travels as text: what is written parses to what it was written from."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.store.test_find_property import EXPRESSIONS
from tracer.store.filter import Expression, parse_filter, parse_order
from tracer.store.filter.write import filter_text, order_text

pytestmark = pytest.mark.no_store


# a number beyond 64 bits is read as the nearest float, which is what stores compare with
@given(expression=EXPRESSIONS.filter(lambda expression: "0" * 19 not in repr(expression)))
def test_any_expression_is_written_so_that_it_parses_to_itself(expression: Expression) -> None:
    assert parse_filter(filter_text(expression)) == expression


@pytest.mark.parametrize(
    "source",
    [
        "name = 'it''s' OR NOT (state IN ('OK', 'ERROR') AND tokens >= -1.5)",
        "tags.`odd ``key.a` = 'x' AND metadata.a IS NOT NULL AND feedback.good = true",
        "span.attributes.`server.port` > 80 OR span.inputs LIKE '%a_b%' OR text CONTAINS 'x'",
        "duration BETWEEN 0.0001ms AND 1w AND timestamp > 1795242626904 AND expectation.x NOT IN (1, 2.5)",
        "experiment_id = '1' AND span.id = 'abc' AND version = 'v1' AND NOT cost < 1e-07",
    ],
)
def test_filters_survive_the_way(source: str) -> None:
    expression = parse_filter(source)

    assert parse_filter(filter_text(expression)) == expression


def test_orders_survive_the_way() -> None:
    order = parse_order(["cost DESC", "name", "version desc"])

    assert parse_order(order_text(order)) == order


def test_no_filter_is_no_text() -> None:
    assert filter_text(None) is None

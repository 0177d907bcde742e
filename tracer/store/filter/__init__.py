"""The filter grammar: from a filter string to a checked expression that any store can compile."""

from __future__ import annotations

from tracer.store.filter.durations import read_duration
from tracer.store.filter.expression import And, Comparison, Expression, Field, Not, Or, OrderTerm, all_of
from tracer.store.filter.order import parse_order
from tracer.store.filter.parser import parse_filter

__all__ = [
    "And",
    "Comparison",
    "Expression",
    "Field",
    "Not",
    "Or",
    "OrderTerm",
    "all_of",
    "parse_filter",
    "parse_order",
    "read_duration",
]

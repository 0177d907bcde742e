"""Aggregations of the scores of many rows to one metric."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from tracer.errors import InvalidArgumentError

Aggregate = Callable[[list[float]], float]

_NAMED: dict[str, Aggregate] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "median": statistics.median,
    "variance": statistics.pvariance,
}
_PERCENTILE = re.compile(r"p(\d{1,2}|100)")


def checked_aggregations(given: object) -> dict[str, Aggregate]:
    """Functions by name, of names and functions. Raises InvalidArgumentError."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidArgumentError(f"aggregations: got {given!r}, expected a list such as ['mean', 'p90'].")
    return dict(map(_named, given))


def _named(aggregation: Any) -> tuple[str, Aggregate]:
    if callable(aggregation):
        function: Any = aggregation
        return getattr(function, "__name__", type(function).__name__), function
    percentile = _PERCENTILE.fullmatch(aggregation) if isinstance(aggregation, str) else None
    if percentile:
        return aggregation, _percentile(int(percentile[1]) / 100)
    if isinstance(aggregation, str) and aggregation in _NAMED:
        return aggregation, _NAMED[aggregation]
    raise InvalidArgumentError(
        f"aggregations: got {aggregation!r}, expected {', '.join(_NAMED)}, a percentile such as p90, or a function."
    )


def _percentile(share: float) -> Aggregate:
    def percentile(values: list[float]) -> float:
        """Between the two nearest values, as numpy has it."""
        ordered = sorted(values)
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    return percentile

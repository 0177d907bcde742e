"""The dialects of installed packages, by their entry points; whoever imports this module reads these."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from tracer._fault import report
from tracer.dialects.dialect import Dialect

ENTRY_POINT_GROUP = "tracer.dialects"


def _found() -> Iterator[Dialect]:
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            dialect = point.load()
            if not isinstance(dialect, Dialect):
                raise TypeError(f"{point.value} is a {type(dialect).__name__}, not a tracer.dialects.Dialect")
            yield dialect
        except Exception as fault:  # a third party's package may fail in any way
            report(f"loading the dialect {point.name}", fault)


DIALECTS = tuple(_found())

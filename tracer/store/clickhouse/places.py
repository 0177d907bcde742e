"""Placement of rows: by the hour in which a span started, in a partition for each week.

The rows of spans and of traces are sorted by that hour, so that lists read the newest ones alone, and a week that is no
longer kept is dropped as a whole. The table ``places`` has the hours of a trace.

A trace's row is in the hour in which the trace started. A span that comes late may have started earlier than all
others, and of two servers that write one trace at once each may have another span. So a row is written into every hour
in which one of its spans started, in all but the trace's own only as a mark that it is elsewhere: the hour that any
writer took for the trace's own is among those, and the row of the last writer replaces it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tracer.store.sql import Cells, Fragment

HOUR_NS = 3_600_000_000_000
# earlier and later times, which no real span has, share an hour, so that they make no partitions
FIRST_HOUR, LAST_HOUR = 438_288, 613_607  # 2020 to 2039
HOUR_OF_START = f"toUInt32(greatest({FIRST_HOUR}, least({LAST_HOUR}, intDiv(start, {HOUR_NS}))))"
WEEK = "toMonday(toDateTime(hour * 3600, 'UTC'))"


def hour_of(start: int | None) -> int:
    """The hour of a time in ns; the first of all where there is none."""
    return FIRST_HOUR if start is None else max(FIRST_HOUR, min(LAST_HOUR, start // HOUR_NS))


def traces_of(trace_ids: Sequence[str]) -> Fragment:
    """The condition on rows of ``traces`` that they are of these; a trace without spans is in the first hour."""
    ids = list(trace_ids)
    return Fragment(
        "((hour, trace_id) IN (SELECT hour, trace_id FROM places WHERE trace_id IN ?"
        f" UNION ALL SELECT toUInt32({FIRST_HOUR}), arrayJoin(?)))",
        cast("Cells", [ids, ids]),
    )


def spans_of(trace_ids: Sequence[str]) -> Fragment:
    """The condition on rows of ``spans`` that they are of these traces."""
    return Fragment(
        "((hour, trace_id) IN (SELECT hour, trace_id FROM places WHERE trace_id IN ?))",
        cast("Cells", [list(trace_ids)]),
    )

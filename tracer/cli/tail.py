"""``tracer tail``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from tracer.cli.options import examples, json_option, store_option

if TYPE_CHECKING:
    from tracer.store import Store, TraceRow

TERMINATED = 143  # exit code of shells for a program ended by SIGTERM
_NEWEST = 2**62


@click.command(
    "tail",
    epilog=examples("tracer tail", "tracer tail --lines 0 --json | jq 'select(.state == \"ERROR\")'"),
)
@click.option("-n", "--lines", type=click.IntRange(0, 1000), default=5, show_default=True, help="Traces to begin with.")
@click.option("--interval", type=click.FloatRange(0.05, 60), default=0.5, show_default=True, help="Seconds to wait.")
@json_option("One JSON object a line for every change, as trace.info.to_dict() gives it.")
@store_option
def command(lines: int, interval: float, as_json: bool, store_url: str | None) -> None:
    """Follow traces as they happen: a line when one starts, one with what was asked, and one when it ends.

    Ctrl-c ends it.
    """
    from tracer.cli.reading import store_for_reading, store_place
    from tracer.cli.screen import note

    with _ends_by_signals() as ends:
        place = store_place(store_url)
        if not place.exists():
            note(f"waiting for traces in {place}")
        while not place.exists():
            ends.if_asked()
            time.sleep(interval)
        _follow(store_for_reading(None), lines, interval, ends, as_json=as_json)


def _follow(store: Store, lines: int, interval: float, ends: _Ends, *, as_json: bool) -> NoReturn:
    from tracer._engine.runtime import runtime
    from tracer.store import TraceQuery

    follower = _Follower(as_json=as_json)
    seen = store.changes(_NEWEST).seq
    if lines:
        follower.show(reversed(store.find_traces(TraceQuery(limit=lines)).traces))
    while True:
        ends.if_asked()
        changes = store.changes(seen)
        seen = changes.seq
        found = (store.trace(trace_id, payload=False) for trace_id in changes.trace_ids)
        follower.show(trace.row for trace in found if trace is not None)
        if not changes.has_more:
            time.sleep(interval)
            runtime().sync()


class _Follower:
    """Prints changes of traces; outside of JSON only starts and ends."""

    def __init__(self, *, as_json: bool) -> None:
        from tracer.cli.screen import Screen

        self._screen = Screen()
        self._as_json = as_json
        self._states: dict[str, tuple[str, int, bool]] = {}

    def show(self, rows: Iterator[TraceRow]) -> None:
        from tracer._api.traces import info_from_row
        from tracer.cli.rows import line_of

        for row in rows:
            if self._as_json:
                self._screen.json(info_from_row(row).to_dict())
            elif self._is_news(row):
                self._screen.print(line_of(row, self._screen.width))
        self._screen.flush()

    def _is_news(self, row: TraceRow) -> bool:
        # spans of a running trace arrive one by one: only its start, its request and its end are printed
        spans = 0 if row.state == "IN_PROGRESS" else row.span_count
        now = row.state, spans, row.request_preview is not None
        known, self._states[row.trace_id] = self._states.get(row.trace_id), now
        return known != now


class _Ends:
    """Ends the program on ctrl-c and SIGTERM, even if the exception of the signal handler is swallowed."""

    def __init__(self) -> None:
        self._number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        self.if_asked()

    def if_asked(self) -> None:
        """Raise the exception that ends the program if a signal has arrived."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number is not None:
            sys.exit(TERMINATED)


@contextmanager
def _ends_by_signals() -> Iterator[_Ends]:
    ends = _Ends()
    before = {number: signal.signal(number, ends) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ends
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

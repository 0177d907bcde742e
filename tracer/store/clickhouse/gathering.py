"""Writes the appends of several requests as one batch, since an insert costs the engine the same for few rows.

A request waits for those before it. Then it writes its batch with all that wait, and the other requests are answered
once they are written: nothing is acknowledged before it is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import fields

from tracer.store.decode import DecodedBatch

_MOST_SPANS = 10_000  # in one batch
_Waiting = tuple[DecodedBatch, "Future[None]"]


class Gathering:
    """The appends of a process."""

    def __init__(self, write: Callable[[DecodedBatch], None]) -> None:
        self._write = write
        self._turn = threading.Lock()  # one write at a time, so that many batches gather for the next
        self._choosing = threading.Lock()
        self._waiting: list[_Waiting] = []

    def append(self, batch: DecodedBatch) -> None:
        """Write a batch, together with others that wait. Raises the errors of this batch only."""
        own: Future[None] = Future()
        with self._choosing:
            self._waiting.append((batch, own))
        while not own.done():
            with self._turn:
                if own.done():
                    break
                with self._choosing:
                    chosen = self._choose()
                self._write_all(chosen)
            if not chosen:  # it is being written by another
                break
        own.result()

    def _choose(self) -> list[_Waiting]:
        """Waiting batches, the oldest first, up to the first one with a trace that is already chosen."""
        chosen: list[_Waiting] = []
        traces: set[str] = set()
        spans = 0
        for each in self._waiting:
            names = each[0].traces.keys()
            spans += sum(len(trace.spans) for trace in each[0].traces.values())
            if chosen and (spans > _MOST_SPANS or not traces.isdisjoint(names)):
                break
            chosen.append(each)
            traces.update(names)
        del self._waiting[: len(chosen)]
        return chosen

    def _write_all(self, chosen: list[_Waiting]) -> None:
        if len(chosen) > 1:
            try:
                self._write(together([batch for batch, _ in chosen]))
            except Exception:
                pass  # perhaps one of them is the cause: write each alone
            else:
                for _, written in chosen:
                    written.set_result(None)
                return
        for batch, written in chosen:
            try:
                self._write(batch)
            except BaseException as error:
                written.set_exception(error)
            else:
                written.set_result(None)


def together(batches: list[DecodedBatch]) -> DecodedBatch:
    """Batches of different traces as one."""
    whole = DecodedBatch()
    for batch in batches:
        for each in fields(DecodedBatch):
            into, more = getattr(whole, each.name), getattr(batch, each.name)
            if isinstance(into, list):
                into += more
            else:
                into |= more
    return whole

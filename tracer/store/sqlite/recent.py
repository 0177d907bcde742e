"""Remembers the tallies of long traces, so that a trace of thousands of spans is not read anew for each one it gets."""

from __future__ import annotations

import threading
from collections import OrderedDict

from tracer.store.tally import Tally

_WORTH_KEEPING = 50
_SPANS_KEPT = 20_000


class RecentTallies(threading.local):
    """This thread's last traces. A tally is valid while its trace has the change number it was kept with."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[int, Tally]] = OrderedDict()

    def take(self, num: int, seq: int) -> Tally | None:
        """The tally of a trace as of a change number; the caller owns it from then on."""
        kept = self._kept.pop(num, None)
        return kept[1] if kept and kept[0] == seq else None

    def keep(self, num: int, seq: int, tally: Tally) -> None:
        """Remember a tally once its trace is written."""
        if len(tally.spans) < _WORTH_KEEPING:
            return
        self._kept[num] = (seq, tally)
        while sum(len(kept.spans) for _, kept in self._kept.values()) > _SPANS_KEPT and len(self._kept) > 1:
            self._kept.popitem(last=False)

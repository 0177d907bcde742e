"""The protocol of sinks, to which the journal's records are written."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from typing import Protocol

from tracer.errors import BusyServerError


class Sink(Protocol):
    """A destination of records: a store, a server, an exporter."""

    name: str  # the same in every run of the program: the key of its cursor
    may_block: bool  # whether a write can take without bound, as over a network; a local store's cannot

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Store the records durably, or raise: then they are written again later."""


def is_of_the_sink(error: BaseException | None) -> bool:
    """Whether a write failed at a full or faulty disk or a busy server, which says nothing of the record."""
    while error is not None:
        if isinstance(error, BusyServerError) or getattr(error, "errno", None) == errno.ENOSPC or "disk" in str(error):
            return True
        error = error.__cause__
    return False


def sink_key(sink: Sink) -> int:
    """The sink's key in the journal's head."""
    return int.from_bytes(hashlib.blake2b(sink.name.encode(), digest_size=8).digest(), "little") or 1

"""What a sink is: where the records of the journal go."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol


class Sink(Protocol):
    """Where records go: a store, an exporter."""

    name: str  # the same in every run of the program: the key of its cursor
    may_block: bool  # whether a write can take without bound, as over a network; a local store's cannot

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Take the records for good, or raise: then they come again."""


def sink_key(sink: Sink) -> int:
    """The sink's key in the journal's head."""
    return int.from_bytes(hashlib.blake2b(sink.name.encode(), digest_size=8).digest(), "little") or 1

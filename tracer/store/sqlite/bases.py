"""Remembers the texts of long blocks written lately: the next turn of a conversation need not store them again.

A self-contained block is a base; other blocks may refer to its texts by number. A block with a base is never a base in
turn: reading a block takes two blocks at most.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_LEAST_SHARE = 1 / 3
_BASES_KEPT = 128
_BYTES_KEPT = 4 * 1024 * 1024
_LARGEST = 1024 * 1024  # that a reader unpacks beside a block


@dataclass(slots=True, eq=False)
class Base:
    """A block that others may be written against."""

    numbers: dict[bytes, int]  # of its texts, in their order
    tail: bytes  # the end of its content: the dictionary that the others are compressed with
    size: int  # bytes before compression
    compressed_size: int  # bytes, as it is stored
    block: int | None = None  # its number, once it is placed
    spent: int = 0  # bytes of the blocks written against it


class RecentBases(threading.local):
    """The bases that this thread wrote last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Base, None] = OrderedDict()  # the one used last at the end
        self._bytes = 0
        self._owners: dict[bytes, Base] = {}  # the newest base with a text
        self._unwritten: list[Base] = []

    def best_for(self, texts: Collection[bytes], length: int) -> Base | None:
        """The base that has most of the texts of a record of this length; None where that is little of the record.

        A conversation grows away from its base: once as much was written against it as it takes itself, it is None too,
        since a new one is cheaper.
        """
        candidates = {base for base in map(self._owners.get, texts) if base is not None}
        if not candidates:
            return None
        shared = {base: sum(len(text) for text in texts if text in base.numbers) for base in candidates}
        best = max(candidates, key=lambda base: shared[base])
        if best.spent > best.compressed_size or shared[best] < _LEAST_SHARE * length:
            return None
        self._kept.move_to_end(best)
        return best

    def add(self, base: Base) -> None:
        """Remember a base that is about to be written."""
        if not base.numbers or base.size > _LARGEST:
            return
        self._kept[base] = None
        self._bytes += base.size
        self._owners.update(dict.fromkeys(base.numbers, base))
        self._unwritten.append(base)
        while len(self._kept) > _BASES_KEPT or self._bytes > _BYTES_KEPT:
            self._forget(next(iter(self._kept)))

    def commit(self) -> None:
        """The bases that were added are written."""
        self._unwritten.clear()

    def rollback(self) -> None:
        """The bases added since the last commit are not written."""
        for base in self._unwritten:
            self._forget(base)
        self._unwritten.clear()

    def forget_gone(self, connection: sqlite3.Connection, used: Iterable[Base]) -> bool:
        """Forget those that another process has deleted; whether there were any. Asked under the lock."""
        gone = [base for base in used if not _is_stored(connection, base)]
        for base in gone:
            self._forget(base)
        return bool(gone)

    def _forget(self, base: Base) -> None:
        if base not in self._kept:
            return
        del self._kept[base]
        self._bytes -= base.size
        for text in base.numbers:
            if self._owners.get(text) is base:
                del self._owners[text]


def _is_stored(connection: sqlite3.Connection, base: Base) -> bool:
    row = connection.execute("SELECT length(content) FROM chunks WHERE id = ?", (base.block,)).fetchone()
    return row is not None and row[0] == base.compressed_size

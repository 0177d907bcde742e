"""Remembers the texts of long chunks written lately: the next turn of a conversation need not store them again.

A chunk that stands for itself is a base; others may name its texts by their numbers. None of those is a base in turn:
two chunks are all that it ever takes to read one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_BASES_KEPT = 128
_BYTES_KEPT = 4 * 1024 * 1024
_LARGEST = 1024 * 1024  # of what each process keeps, and each reader unpacks beside a chunk


@dataclass(slots=True, eq=False)
class Base:
    """A chunk that others may be written against."""

    numbers: dict[bytes, int]  # of its texts, in their order
    tail: bytes  # the end of its content: the dictionary that the others are compressed with
    room: int  # bytes compressed
    chunk: int | None = None  # its number, once it is placed
    spent: int = 0  # bytes of what was written against it

    def size(self) -> int:
        """The bytes that remembering it takes."""
        return len(self.tail) + sum(map(len, self.numbers))


class RecentBases(threading.local):
    """The bases that this thread wrote last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Base, int] = OrderedDict()  # with its size, the one used last at the end
        self._bytes = 0
        self._owners: dict[bytes, Base] = {}  # the newest base with a text
        self._unwritten: list[Base] = []

    def best_for(self, texts: Collection[bytes]) -> Base | None:
        """The base that has most of these texts; None where that is less than half, or the base has served its time.

        A conversation grows away from its base. Once as much was written against it as it takes itself, a new one is
        cheaper.
        """
        wanted = set(texts)
        candidates = {base for base in map(self._owners.get, wanted) if base is not None}
        if not candidates:
            return None
        shared = {base: sum(len(text) for text in wanted if text in base.numbers) for base in candidates}
        best = max(candidates, key=lambda base: shared[base])
        if best.spent > best.room or 2 * shared[best] < sum(map(len, wanted)):
            return None
        self._kept.move_to_end(best)
        return best

    def add(self, base: Base) -> None:
        """Remember a base that is about to be written."""
        size = base.size()
        if not base.numbers or size > _LARGEST:
            return
        self._kept[base] = size
        self._bytes += size
        self._owners.update(dict.fromkeys(base.numbers, base))
        self._unwritten.append(base)
        while len(self._kept) > _BASES_KEPT or self._bytes > _BYTES_KEPT:
            self._forget(next(iter(self._kept)))

    def settle(self) -> None:
        """What was added is written."""
        self._unwritten.clear()

    def revert(self) -> None:
        """What was added since the last time that all was written is not."""
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
        self._bytes -= self._kept.pop(base, 0)
        for text in base.numbers:
            if self._owners.get(text) is base:
                del self._owners[text]


def _is_stored(connection: sqlite3.Connection, base: Base) -> bool:
    row = connection.execute("SELECT length(content) FROM chunks WHERE id = ?", (base.chunk,)).fetchone()
    return row is not None and row[0] == base.room

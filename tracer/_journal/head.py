"""The head of a segment: the mark of a journal, and the position of each sink, both written twice.

Layout of the 512 bytes, little endian: the magic (8 bytes); 15 slots of 16 bytes, each the key and the position of a
sink; 16 zeros; for each slot a copy of 16 bytes: the key, the position (4 bytes), the CRC-32 of both; the magic again.
Earlier versions of tracer read and write the slots alone, up to the zeros; they wrote up to 31 slots and no copies.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAGIC = b"TRCRJNL2"
HEAD_SIZE = 512
SINKS_LIMIT = 15
UNKNOWN_SINK = 0
NEW_HEAD = MAGIC + bytes(HEAD_SIZE - 2 * len(MAGIC)) + MAGIC

_SLOT = struct.Struct("<QQ")
_COPY = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_SLOTS_START = len(MAGIC)
_COPIES_START = _SLOTS_START + _SLOT.size * (SINKS_LIMIT + 1)
_SLOTS_WITHOUT_COPIES = (HEAD_SIZE - _SLOTS_START) // _SLOT.size


class Cursor(NamedTuple):
    """The position of a sink, and the number of its slot."""

    sink: int
    position: int
    slot: int
    is_damaged: bool  # the position is the start of the records, since nothing else is certain


def cursor_writes(slot: int, sink: int, position: int, *, with_copy: bool = True) -> list[tuple[int, bytes]]:
    """Writes to the head for a change of a cursor: offsets and contents, in this order."""
    content = _COPY.pack(sink, position)
    copy = _COPIES_START + _SLOT.size * slot, content + _CHECKSUM.pack(zlib.crc32(content))
    slot_write = _SLOTS_START + _SLOT.size * slot, _SLOT.pack(sink, position)
    return [copy, slot_write] if with_copy else [slot_write]


def has_copies(head: bytes) -> bool:
    """Whether this head was written with copies, also if some of them are damaged."""
    return head.endswith(MAGIC) or any(_copy(head, slot) is not None for slot in range(SINKS_LIMIT))


def read_cursors(head: bytes, is_boundary: Callable[[int], bool]) -> Iterator[Cursor]:
    """The cursors in a head of ``HEAD_SIZE`` bytes; ``is_boundary`` returns whether a record starts or ends there.

    A copy with the right checksum is right. A slot without one counts if its position is a boundary. Else the sink
    starts anew: it gets records twice rather than never.
    """
    with_copies = has_copies(head)
    for slot in range(SINKS_LIMIT if with_copies else _SLOTS_WITHOUT_COPIES):
        copy = _copy(head, slot) if with_copies else None
        sink, position = _slot(head, slot)
        if copy is not None:
            yield Cursor(*copy, slot, is_damaged=False)
        elif sink and is_boundary(position):
            yield Cursor(sink, position, slot, is_damaged=False)
        elif sink and (not with_copies or any(_copy_bytes(head, slot))):
            yield Cursor(sink, HEAD_SIZE, slot, is_damaged=True)
        elif any(_slot_bytes(head, slot)) or (with_copies and any(_copy_bytes(head, slot))):
            yield Cursor(UNKNOWN_SINK, HEAD_SIZE, slot, is_damaged=True)


def _slot_bytes(head: bytes, slot: int) -> bytes:
    start = _SLOTS_START + _SLOT.size * slot
    return head[start : start + _SLOT.size]


def _slot(head: bytes, slot: int) -> tuple[int, int]:
    sink, position = _SLOT.unpack(_slot_bytes(head, slot))
    return sink, position


def _copy(head: bytes, slot: int) -> tuple[int, int] | None:
    content = _copy_bytes(head, slot)
    sink, position = _COPY.unpack_from(content)
    is_whole = sink and _CHECKSUM.unpack_from(content, _COPY.size)[0] == zlib.crc32(content[: _COPY.size])
    return (sink, position) if is_whole else None


def _copy_bytes(head: bytes, slot: int) -> bytes:
    start = _COPIES_START + _SLOT.size * slot
    return head[start : start + _SLOT.size]

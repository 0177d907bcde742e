"""Records in the bytes of a segment: each a length and a CRC-32 (4 bytes each, little endian), then so much JSON.

No byte is trusted: a segment may be cut or damaged, by its process's death, a disk, or another program.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from tracer._records.line import RECORD_START

FRAME = struct.Struct("<II")
FRAME_SIZE = FRAME.size


class Scan(NamedTuple):
    """Whole records, and the damaged bytes between them."""

    frames: list[tuple[int, int]]  # start and end of each record's JSON
    damages: list[tuple[int, int]]  # start and end of bytes that belong to no whole record
    end: int  # position after the last byte that was looked at


def scan(content: bytes, position: int = 0, limit: int | None = None) -> Scan:
    """The whole records from a position on, about ``limit`` bytes of them."""
    frames: list[tuple[int, int]] = []
    damages: list[tuple[int, int]] = []
    stop = len(content) if limit is None else min(len(content), position + limit)
    while position < stop:
        end = _end_of_record(content, position)
        if end is not None:
            frames.append((position + FRAME_SIZE, end))
        else:
            end = _next_start(content, position)
            damages.append((position, end))
        position = end
    return Scan(frames, damages, position)


def records_in(content: bytes, damage: tuple[int, int]) -> int:
    """The least number of records that were in damaged bytes."""
    position, end = damage
    count = 1
    while True:
        following = _claimed_end(content, position)
        if following is None or following >= end:
            return count
        count += 1
        position = following


def _claimed_end(content: bytes, start: int) -> int | None:
    """End of a record by its length alone."""
    body = start + FRAME_SIZE
    if body > len(content):
        return None
    length: int = FRAME.unpack_from(content, start)[0]
    return body + length if length and body + length <= len(content) else None


def _end_of_record(content: bytes, start: int) -> int | None:
    end = _claimed_end(content, start)
    if end is None:
        return None
    checksum = FRAME.unpack_from(content, start)[1]
    return end if zlib.crc32(memoryview(content)[start + FRAME_SIZE : end]) == checksum else None


def _next_start(content: bytes, position: int) -> int:
    """The next whole record behind damaged bytes, or the content's end."""
    found = content.find(RECORD_START, position + FRAME_SIZE + 1)
    while found >= 0:
        if _end_of_record(content, found - FRAME_SIZE) is not None:
            return found - FRAME_SIZE
        found = content.find(RECORD_START, found + 1)
    return len(content)

"""Reads a dead process's segment without trusting a byte of it: it may be cut, damaged, foreign or empty."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from tracer._journal.segment import FRAME, FRAME_SIZE, HEAD_SIZE, MAGIC, SINKS_LIMIT, SLOT, SLOTS_START, write_at
from tracer._records.line import RECORD_START

_MAGIC_OF_ANY_VERSION = MAGIC[:-1]


class EmptySegmentError(ValueError):
    """The file exists, but nothing was written to it."""


class OtherVersionError(ValueError):
    """The file is a journal in a format of another version of tracer."""


class DeadSegment:
    """The records of a dead process's segment, and each sink's position in them."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises OSError, EmptySegmentError, OtherVersionError, or ValueError for a foreign file."""
        self.path = path
        with path.open("rb") as file:
            head = file.read(HEAD_SIZE)
            _check(path, head)
            # read, not mapped: truncation by another process would kill this one
            self._content = head.ljust(HEAD_SIZE, b"\0") + file.read()
        self._frames = list(_whole_records(self._content))
        self.end = self._frames[-1][1] if self._frames else HEAD_SIZE

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def damaged_bytes(self) -> int:
        """Number of bytes that belong to no whole record, zeros at the end left out."""
        skipped, position = 0, HEAD_SIZE
        for body, end in self._frames:
            skipped += body - FRAME_SIZE - position
            position = end
        return skipped + len(self._content[self.end :].rstrip(b"\0"))

    def process_record(self) -> bytes | None:
        """The first record, which describes the process."""
        return self._content[slice(*self._frames[0])] if self._frames else None

    def batches(self, position: int, limit: int) -> Iterator[tuple[list[bytes], int]]:
        """The records after a position in batches of about ``limit`` bytes, each with the position after it."""
        batch: list[bytes] = []
        size = 0
        for body, end in self._frames:
            if body < position:
                continue
            batch.append(self._content[body:end])
            size += end - body
            if size >= limit:
                yield batch, end
                batch, size = [], 0
        if batch:
            yield batch, self.end

    def cursors(self) -> dict[int, int]:
        """Each sink's position, read anew: another process may be writing the segment to another sink."""
        with self.path.open("rb") as file:
            head = file.read(HEAD_SIZE).ljust(HEAD_SIZE, b"\0")
        return {key: position for key, position, _ in _slots(head)}

    def set_cursor(self, sink: int, position: int) -> None:
        """Note a sink's position in the file, if the sink has a slot there."""
        for key, _, offset in _slots(self._content[:HEAD_SIZE]):
            if key == sink:
                write_at(self.path, offset, SLOT.pack(sink, position))


def _check(path: Path, head: bytes) -> None:
    if not head.strip(b"\0"):
        raise EmptySegmentError(f"{path} is empty")
    if head.startswith(MAGIC):
        return
    if head.startswith(_MAGIC_OF_ANY_VERSION):
        raise OtherVersionError(f"{path} was written by another version of tracer")
    raise ValueError(f"{path} is not a journal of tracer's")


def _slots(head: bytes) -> Iterator[tuple[int, int, int]]:
    for offset in range(SLOTS_START, SLOTS_START + SLOT.size * SINKS_LIMIT, SLOT.size):
        key, position = SLOT.unpack_from(head, offset)
        if key == 0:
            return
        yield key, position, offset


def _whole_records(content: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the body of each whole record."""
    start: int | None = HEAD_SIZE
    while start is not None:
        end = _end_of_record(content, start)
        if end is None:
            start = _next_start(content, start)
        else:
            yield start + FRAME_SIZE, end
            start = end


def _end_of_record(content: bytes, start: int) -> int | None:
    body = start + FRAME_SIZE
    if body > len(content):
        return None
    length, checksum = FRAME.unpack_from(content, start)
    if length == 0 or body + length > len(content):
        return None
    return body + length if zlib.crc32(memoryview(content)[body : body + length]) == checksum else None


def _next_start(content: bytes, position: int) -> int | None:
    """The next whole record behind damaged bytes."""
    found = content.find(RECORD_START, position + FRAME_SIZE + 1)
    while found >= 0:
        if _end_of_record(content, found - FRAME_SIZE) is not None:
            return found - FRAME_SIZE
        found = content.find(RECORD_START, found + 1)
    return None

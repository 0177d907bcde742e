"""A journal segment: a file of a fixed size, written through a memory map, so that what is in it outlives the process.

Layout: a head of 512 bytes (magic, then up to 31 sinks as key and cursor, 8 bytes each), then records, each a length and a
CRC-32 (4 bytes each, little endian) and that many bytes of JSON. A record's length is written last: a record without one
was never finished. The file is allocated in full before it is mapped, since a page that cannot be had kills a process
that touches it.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"TRCRJNL1"
HEAD_SIZE = 512
SINKS_LIMIT = (HEAD_SIZE - len(MAGIC)) // 16
FRAME = struct.Struct("<II")
_SLOT = struct.Struct("<QQ")
RECORD_LIMIT = 1 << 30


class Segment:
    """One segment, in a file or, where no file can be had, in memory."""

    __slots__ = ("_slots", "buffer", "end", "number", "path", "sealed", "size")

    def __init__(self, buffer: mmap.mmap, size: int, number: int, path: Path | None) -> None:
        self.buffer = buffer
        self.size = size
        self.number = number
        self.path = path
        self.end = HEAD_SIZE  # up to here records are whole
        self.sealed = False
        self._slots: dict[int, int] = {}

    @classmethod
    def in_file(cls, path: Path, number: int, size: int) -> Segment:
        """A new segment file; raises OSError where there is no room or no right to write."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _allocate(descriptor, size)
            buffer = mmap.mmap(descriptor, size)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        buffer[: len(MAGIC)] = MAGIC
        return cls(buffer, size, number, path)

    @classmethod
    def in_memory(cls, number: int, size: int) -> Segment:
        """A segment that is lost with the process."""
        return cls(mmap.mmap(-1, size), size, number, None)

    @classmethod
    def of_dead_process(cls, path: Path, number: int) -> Segment:
        """A segment that another process left behind; raises OSError or ValueError if it is none."""
        with open(path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size < HEAD_SIZE:
                raise ValueError(f"{path} is too short for a journal")
            buffer = mmap.mmap(file.fileno(), size)
        if buffer[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is not a journal of this version")
        segment = cls(buffer, size, number, path)
        segment._read_slots()
        segment.end = _end_of_records(buffer, size)
        segment.sealed = True
        return segment

    def room_for(self, length: int) -> bool:
        """Whether a record of this many bytes fits."""
        return self.end + FRAME.size + length <= self.size

    def write(self, record: bytes) -> None:
        """Append one record; the caller holds the journal's lock and has asked for room."""
        start = self.end
        body = start + FRAME.size
        self.buffer[body : body + len(record)] = record
        FRAME.pack_into(self.buffer, start, len(record), zlib.crc32(record))
        self.end = body + len(record)

    def read(self, position: int, limit: int) -> tuple[list[bytes], int]:
        """Records from a position on, of about ``limit`` bytes together, and the position after them."""
        records: list[bytes] = []
        end = self.end
        stop = position + limit
        while position < end and position < stop:
            length, _ = FRAME.unpack_from(self.buffer, position)
            body = position + FRAME.size
            records.append(self.buffer[body : body + length])
            position = body + length
        return records, position

    def set_cursor(self, sink: int, position: int) -> None:
        """Note in the file how far a sink has come, for whoever takes over if this process dies."""
        if sink not in self._slots:
            if len(self._slots) >= SINKS_LIMIT:
                return
            self._slots[sink] = len(MAGIC) + 16 * len(self._slots)
        _SLOT.pack_into(self.buffer, self._slots[sink], sink, position)

    def cursors(self) -> dict[int, int]:
        """How far each sink has come, by the sink's key."""
        return {key: _SLOT.unpack_from(self.buffer, offset)[1] for key, offset in self._slots.items()}

    def _read_slots(self) -> None:
        for offset in range(len(MAGIC), len(MAGIC) + 16 * SINKS_LIMIT, 16):
            key, _ = _SLOT.unpack_from(self.buffer, offset)
            if key == 0:
                return
            self._slots[key] = offset

    def close(self) -> None:
        """Unmap; the file stays."""
        self.buffer.close()

    def remove(self) -> None:
        """Unmap and delete."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    zeros = bytes(1 << 16)  # macOS and Windows: writing is the only way to be sure of the blocks
    for start in range(0, size, len(zeros)):
        os.pwrite(descriptor, zeros[: size - start], start) if hasattr(os, "pwrite") else os.write(
            descriptor, zeros[: size - start]
        )


def _end_of_records(buffer: mmap.mmap, size: int) -> int:
    position = HEAD_SIZE
    for position in _ends(buffer, size):
        pass
    return position


def _ends(buffer: mmap.mmap, size: int) -> Iterator[int]:
    """The end of each whole record, up to the first that is not whole."""
    position = HEAD_SIZE
    while position + FRAME.size <= size:
        length, checksum = FRAME.unpack_from(buffer, position)
        body = position + FRAME.size
        if length == 0 or length > RECORD_LIMIT or body + length > size:
            return
        if zlib.crc32(buffer[body : body + length]) != checksum:
            return
        position = body + length
        yield position

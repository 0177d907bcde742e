"""A journal segment: a file of fixed size, written through a memory map, so that its content outlives the process.

Layout: a head (head.py), then records (frames.py). A record's length is written last: a record without one is
unfinished. The file is allocated in full before it is mapped, since touching a page without a disk block kills the
process.
"""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from pathlib import Path

from tracer._journal.frames import FRAME, FRAME_SIZE
from tracer._journal.head import HEAD_SIZE, NEW_HEAD, SINKS_LIMIT, cursor_writes

PAGE_SIZE = 1 << 12  # a file's size is a multiple of this until it is closed
_COPIED_AT_ONCE = 1 << 18  # bytes; other threads run in between

_NO_ALLOCATION = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class Segment:
    """One segment of this process: a file, or memory where no file can be written."""

    __slots__ = ("_buffer", "_cursors", "_slots", "end", "number", "path", "size")

    def __init__(self, buffer: mmap.mmap, size: int, number: int, path: Path | None) -> None:
        self._buffer: mmap.mmap | None = buffer
        self.size = size
        self.number = number
        self.path = path
        self.end = HEAD_SIZE  # position after the last whole record
        self._slots: dict[int, int] = {}
        self._cursors: dict[int, int] = {}

    @classmethod
    def in_file(cls, path: Path, number: int, size: int) -> Segment:
        """A new segment file. Raises OSError without disk space or permission."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _allocate(descriptor, size)
            buffer = mmap.mmap(descriptor, size)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        buffer[:HEAD_SIZE] = NEW_HEAD
        return cls(buffer, size, number, path)

    @classmethod
    def in_memory(cls, number: int, size: int) -> Segment:
        """A segment that is lost with the process."""
        return cls(mmap.mmap(-1, size), size, number, None)

    def write(self, record: bytes) -> None:
        """Append one record; the caller holds the journal's lock and has checked that it fits."""
        start = self.end
        body = start + FRAME_SIZE
        end = body + len(record)
        buffer = self._buffer
        buffer[body:end] = record  # type: ignore[index]  # the newest segment is mapped
        FRAME.pack_into(buffer, start, len(record), zlib.crc32(record))  # type: ignore[arg-type]
        self.end = end

    def copy(self, other: Segment) -> None:
        """Copy another segment's bytes beyond this one's end, at the same positions, as far as they fit.

        Raises ValueError if the other segment is removed meanwhile.
        """
        while self.end < min(other.end, self.size):
            end = min(self.end + _COPIED_AT_ONCE, other.end, self.size)
            content = other._buffer
            if content is None:
                raise ValueError("the segment is gone")
            self._buffer[self.end : end] = content[self.end : end]  # type: ignore[index]
            self.end = end
        for sink, position in list(other._cursors.items()):
            self.set_cursor(sink, position)

    def read(self, position: int, limit: int) -> tuple[list[bytes], int]:
        """Records from a position on, about ``limit`` bytes in total, and the position after them.

        Raises OSError or ValueError if the segment is removed meanwhile.
        """
        buffer = self._buffer
        if buffer is not None:
            try:
                return _records(buffer, position, self.end, limit)
            except ValueError:  # unmapped meanwhile
                if self.path is None:
                    raise
        if self.path is None:
            raise ValueError("the segment is gone")
        return _records_of_file(self.path, position, self.end, limit)

    def count(self) -> int:
        """Number of records that the slowest sink does not have yet."""
        position = min(self._cursors.values(), default=HEAD_SIZE)
        return len(self.read(position, self.size)[0]) if position < self.end else 0

    def set_cursor(self, sink: int, position: int) -> None:
        """Note a sink's position, also in the file: recovery starts there if this process dies."""
        if self._cursors.get(sink) == position:
            return
        self._cursors[sink] = position
        slot = self._slots.setdefault(sink, len(self._slots))
        if slot >= SINKS_LIMIT:
            return
        for offset, content in cursor_writes(slot, sink, position):
            if self._buffer is not None:
                self._buffer[offset : offset + len(content)] = content
            elif self.path is not None:
                write_at(self.path, offset, content)

    def cursor(self, sink: int) -> int:
        """A sink's position."""
        return self._cursors.get(sink, HEAD_SIZE)

    def unmap(self) -> None:
        """Free the memory; reads then go to the file."""
        if self.path is not None and self._buffer is not None:
            buffer, self._buffer = self._buffer, None
            buffer.close()

    def close(self) -> None:
        """Unmap, and cut the file to its used size."""
        self.unmap()
        if self.path is not None:
            os.truncate(self.path, self.end)

    def remove(self) -> None:
        """Unmap and delete."""
        if self._buffer is not None:
            buffer, self._buffer = self._buffer, None
            buffer.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def whole_pages(size: int) -> int:
    """The size, rounded up to a multiple of a page."""
    return -(-size // PAGE_SIZE) * PAGE_SIZE


def write_at(path: Path, position: int, content: bytes) -> None:
    """Overwrite a few bytes of an existing file. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _records(content: mmap.mmap | bytes, position: int, end: int, limit: int) -> tuple[list[bytes], int]:
    records: list[bytes] = []
    stop = position + limit
    while position < end and position < stop:
        length, _ = FRAME.unpack_from(content, position)
        body = position + FRAME_SIZE
        records.append(content[body : body + length])
        position = body + length
    return records, position


def _records_of_file(path: Path, position: int, end: int, limit: int) -> tuple[list[bytes], int]:
    with path.open("rb") as file:
        file.seek(position)
        content = file.read(end - position)
    if len(content) < end - position:
        raise ValueError(f"{path} was cut short")
    records, read = _records(content, 0, len(content), limit)
    return records, position + read


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in _NO_ALLOCATION:
                raise
    zeros = bytes(1 << 16)  # writing allocates the blocks as well
    os.lseek(descriptor, 0, os.SEEK_SET)
    left = size
    while left > 0:
        left -= os.write(descriptor, zeros[: min(left, len(zeros))])

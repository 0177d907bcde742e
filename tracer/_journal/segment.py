"""A journal segment: a file of fixed size, written through a memory map, so that its content outlives the process.

Layout: a head (head.py), then records (frames.py). A record's length is written last: a record without one is
unfinished. Records are written through the map, since that takes a third of the time of a system call; everything else
is read and written by system calls, which fail with an error where the map would raise SIGBUS: on a file that another
program has cut, and on a disk without room. The file is allocated in full where its file system can do that.
"""

from __future__ import annotations

import errno
import mmap
import os
import weakref
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from zlib import crc32

from tracer._journal import sigbus
from tracer._journal.frames import FRAME, FRAME_SIZE, Scan, records_in, scan
from tracer._journal.head import HEAD_SIZE, NEW_HEAD, SINKS_LIMIT, cursor_writes
from tracer._journal.locations import file_size
from tracer._records.line import with_started

PAGE_SIZE = 1 << 12  # a file's size is a multiple of this until it is closed
_COPIED_AT_ONCE = 1 << 18  # bytes; other threads run in between

_pack_into = FRAME.pack_into  # looked up once: this is done for each record
_NO_ALLOCATION = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_HAS_POSITIONED_IO = hasattr(os, "pwrite")  # else the map is used, as on Windows, where mapped files cannot be cut


class SegmentCutError(ValueError):
    """Another program has cut the segment's file."""


class Batch(NamedTuple):
    """Records of a segment, the position after them, and the damage between them, reported once."""

    records: list[bytes]
    end: int
    damaged_bytes: int
    damaged_records: int


class Segment:
    """One segment of this process: a file, or memory where no file can be written."""

    __slots__ = (
        *("_buffer", "_checked", "_cursors", "_file", "_slots", "_whole"),
        *("end", "failed_write", "number", "path", "size"),
    )

    def __init__(
        self, buffer: mmap.mmap, size: int, number: int, path: Path | None = None, file: _File | None = None
    ) -> None:
        self._buffer: mmap.mmap | None = buffer
        self._file = file
        self.size = size  # 0 after a failed write: no other fits
        self.number = number
        self.path = path
        self.end = HEAD_SIZE  # position after the last whole record
        self.failed_write: Callable[[bytes], None] = lambda _: None  # called with a record that is not in the file
        self._slots: dict[int, int] = {}
        self._cursors: dict[int, int] = {}
        self._checked = HEAD_SIZE  # position up to which damage has been reported
        self._whole: int | None = None  # position from which on the records were lost, or written elsewhere

    @classmethod
    def in_file(cls, path: Path, number: int, size: int) -> Segment:
        """A new segment file. Raises OSError without disk space or permission."""
        file = _File(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
        try:
            _allocate(file.descriptor, size)
            segment = cls(mmap.mmap(file.descriptor, size), size, number, path, file)
            segment._put(0, NEW_HEAD)
        except BaseException:
            os.unlink(path)
            raise
        return segment

    @classmethod
    def in_memory(cls, number: int, size: int) -> Segment:
        """A segment that is lost with the process."""
        return cls(mmap.mmap(-1, size), size, number)

    def write(self, record: bytes) -> None:
        """Append one record; the caller holds the journal's lock and has checked that it fits.

        Where the file takes nothing, ``failed_write`` is called.
        """
        start = self.end
        body = start + FRAME_SIZE
        end = body + len(record)
        buffer = self._buffer
        buffer[body:end] = record  # type: ignore[index]  # the newest segment is mapped
        _pack_into(buffer, start, len(record), crc32(record))  # type: ignore[arg-type]
        self.end = end

    def put(self, record: bytes) -> None:
        """Append one record like :meth:`write`, but slower, and raise OSError where the file takes nothing."""
        self._put(self.end, FRAME.pack(len(record), crc32(record)) + record)
        self.end += FRAME_SIZE + len(record)

    def _put(self, position: int, content: bytes) -> None:
        file = self._file
        if file is not None and _HAS_POSITIONED_IO:
            while content:
                written = os.pwrite(file.descriptor, content, position)
                content, position = content[written:], position + written
        elif self._buffer is not None:
            self._buffer[position : position + len(content)] = content
        elif self.path is not None:
            write_at(self.path, position, content)

    def _get(self, start: int, end: int) -> bytes:
        """The bytes between two positions, fewer where the file ends before."""
        file, buffer = self._file, self._buffer
        if file is not None and _HAS_POSITIONED_IO:
            content = b""
            while len(content) < end - start:
                part = os.pread(file.descriptor, end - start - len(content), start + len(content))
                if not part:
                    break
                content += part
            return content
        if buffer is not None:
            return buffer[start:end]
        if self.path is None:
            raise ValueError("the segment is gone")
        with self.path.open("rb") as opened:
            opened.seek(start)
            return opened.read(end - start)

    def part(self, position: int, length: int) -> bytes:
        """The end of a record, an empty object's where it was cut."""
        content = self._get(position, position + length)
        return content if len(content) == length and content.endswith(b"}") else b"}"

    def copy(self, other: Segment) -> None:
        """Copy another segment's bytes beyond this one's end, at the same positions, as far as they fit.

        Raises OSError, or ValueError if the other segment is removed meanwhile.
        """
        while self.end < min(other.end, self.size):
            end = min(self.end + _COPIED_AT_ONCE, other.end, self.size)
            self._put(self.end, other._get(self.end, end))
            self.end = end
        for sink, position in list(other._cursors.items()):
            self.set_cursor(sink, position)

    def read(self, position: int, limit: int) -> Batch:
        """Records from a position on, about ``limit`` bytes in total.

        Raises SegmentCutError, and OSError or ValueError if the segment is removed meanwhile.
        """
        end = self._whole_end()
        if position >= end:
            return Batch([], self.end, 0, 0)
        content = self._get(position, end)
        if len(content) < end - position:
            raise SegmentCutError(f"{self.path} was cut short")
        found = scan(content, 0, limit)
        damages = [damage for damage in found.damages if position + damage[0] >= self._checked]
        self._checked = max(self._checked, position + found.end)
        return _batch(content, found, position, damages, self.part)

    def count(self) -> int:
        """Number of records that the slowest sink does not have yet."""
        position = min(self._cursors.values(), default=HEAD_SIZE)
        return len(self.read(position, self.size).records) if position < self.end else 0

    def _whole_end(self) -> int:
        return self.end if self._whole is None else self._whole

    def is_cut(self) -> bool:
        """Whether another program has cut the file before its records' end."""
        if self.path is None:
            return False
        file = self._file
        size = file_size(self.path) if file is None else os.fstat(file.descriptor).st_size
        return size < self._whole_end()

    def give_up_what_was_cut(self) -> Batch:
        """End this segment's records where its file ends now: what was written beyond since then, and what is lost.

        What every sink has is neither. The caller holds the journal's lock.
        """
        end = self._whole_end()
        in_file = self._get(HEAD_SIZE, end)
        file_end = HEAD_SIZE + len(in_file)
        mapped_end = whole_pages(file_end, mmap.PAGESIZE)  # beyond that the map raises SIGBUS
        content = (in_file + self._from_map(file_end, min(mapped_end, end))).ljust(end - HEAD_SIZE, b"\0")
        frames = scan(in_file).frames
        kept = frames[-1][1] if frames else 0
        self._whole = HEAD_SIZE + kept
        self.size = 0
        delivered = min(self._cursors.values(), default=HEAD_SIZE) - HEAD_SIZE
        found = scan(content, max(kept, delivered))
        return _batch(content, found, HEAD_SIZE, found.damages, lambda at, length: content[at - HEAD_SIZE :][:length])

    def _from_map(self, start: int, end: int) -> bytes:
        buffer = self._buffer
        return b"" if buffer is None else buffer[start:end]

    def set_cursor(self, sink: int, position: int) -> None:
        """Note a sink's position, also in the file: recovery starts there if this process dies. Raises OSError."""
        if self._cursors.get(sink) == position:
            return
        self._cursors[sink] = position
        slot = self._slots.setdefault(sink, len(self._slots))
        if slot < SINKS_LIMIT:
            for offset, content in cursor_writes(slot, sink, position):
                self._put(offset, content)

    def cursor(self, sink: int) -> int:
        """A sink's position."""
        return self._cursors.get(sink, HEAD_SIZE)

    def unmap(self) -> None:
        """Free the memory and the descriptor; reads then open the file."""
        if self.path is not None:
            self._file = None
            buffer, self._buffer = self._buffer, None
            if buffer is not None:
                buffer.close()

    def close(self) -> None:
        """Unmap, and cut the file to its used size."""
        self.unmap()
        if self.path is not None:
            os.truncate(self.path, self._whole_end())

    def remove(self) -> None:
        """Unmap and delete."""
        self.unmap()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        elif self._buffer is not None:
            buffer, self._buffer = self._buffer, None
            buffer.close()

    def _survive(self, record: bytes | None) -> bool:
        """Let a use of the map go on that has met SIGBUS, in memory; true if that is possible."""
        buffer, file = self._buffer, self._file
        if buffer is None or file is None:
            return False
        size = os.fstat(file.descriptor).st_size
        is_cut = size < len(buffer) and self.size > 0
        start = whole_pages(size, mmap.PAGESIZE) if is_cut else self.end // mmap.PAGESIZE * mmap.PAGESIZE
        if not sigbus.put_memory(buffer, start):
            return False
        if record is not None:
            self.size = 0
            self._whole = self.end
            self.failed_write(record)
        return True


class _File:
    """A descriptor that is closed after its last use, so that no read meets another file's."""

    __slots__ = ("__weakref__", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        _closers[:] = [closer for closer in _closers if closer() is not None]
        _closers.append(_Closer(self, methodcaller("close")))
        _closers[-1].close = partial(os.close, descriptor)


class _Closer(weakref.ref[_File]):
    """Closes without a line of Python, unlike ``__del__``: an exception of a signal handler would be lost in one."""

    close: Callable[[], object] = int  # nothing yet


_closers: list[_Closer] = []


def survive_sigbus() -> None:
    """Keep files that are cut from killing this process."""
    sigbus.install((Segment.write.__code__, Segment._from_map.__code__), _survive)


def _survive(frame: FrameType) -> bool:
    segment = frame.f_locals["self"]
    survived: bool = segment._survive(frame.f_locals.get("record"))
    return survived


def _batch(
    content: bytes,
    found: Scan,
    position: int,
    damages: list[tuple[int, int]],
    part: Callable[[int, int], bytes],
) -> Batch:
    return Batch(
        [with_started(content[start:end], part) for start, end in found.frames],
        position + found.end,
        sum(end - start for start, end in damages),
        sum(records_in(content, damage) for damage in damages),
    )


def whole_pages(size: int, page: int = PAGE_SIZE) -> int:
    """The size, rounded up to a multiple of a page."""
    return -(-size // page) * page


def write_at(path: Path, position: int, content: bytes) -> None:
    """Overwrite a few bytes of an existing file. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


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

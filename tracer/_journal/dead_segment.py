"""Reads a dead process's segment without trusting a byte of it: it may be cut, damaged, foreign or empty."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from tracer._journal.frames import FRAME_SIZE, records_in, scan
from tracer._journal.head import HEAD_SIZE, MAGIC, UNKNOWN_SINK, Cursor, cursor_writes, has_copies, read_cursors
from tracer._journal.segment import PAGE_SIZE, write_at
from tracer._records.line import with_started

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
        # read, not mapped: truncation by another process would kill this one
        self._content = path.read_bytes().ljust(HEAD_SIZE, b"\0")
        self._frames, damages, _ = scan(self._content, HEAD_SIZE)
        _check(path, self._content, has_records=bool(self._frames))
        self.end = self._frames[-1][1] if self._frames else HEAD_SIZE
        self._damages = list(filter(None, map(self._without_space, damages)))
        self._boundaries = {HEAD_SIZE, *(end for _, end in self._frames), *(end for _, end in damages)}

    def _without_space(self, damage: tuple[int, int]) -> tuple[int, int] | None:
        """Damaged bytes; zeros at the end were never written, unless the file was closed, which cuts them off."""
        start, end = damage
        if end == len(self._content) and end % PAGE_SIZE == 0:
            end = start + len(self._content[start:].rstrip(b"\0"))
        return (start, end) if start < end else None

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def damaged_bytes(self) -> int:
        """Number of bytes that belong to no whole record, zeros at the end left out."""
        return sum(end - start for start, end in self._damages)

    @property
    def damaged_records(self) -> int:
        """The least number of records that were in these bytes."""
        return sum(records_in(self._content, damage) for damage in self._damages)

    @property
    def has_damaged_head(self) -> bool:
        """Whether a sink's position cannot be told, or which sinks there are."""
        head = self._content[:HEAD_SIZE]
        cursors = self._read(head)
        is_missing = bool(self._frames) and not cursors
        return is_missing or not _has_magic(head) or any(cursor.is_damaged for cursor in cursors)

    def process_record(self) -> bytes | None:
        """The first record, which describes the process."""
        return self._content[slice(*self._frames[0])] if self._frames else None

    def records_after(self, position: int) -> int:
        """Number of whole records after a position."""
        return sum(body >= position for body, _ in self._frames)

    def batches(self, position: int, limit: int) -> Iterator[tuple[list[bytes], int]]:
        """The records after a position in batches of about ``limit`` bytes, each with the position after it."""
        batch: list[bytes] = []
        size = 0
        for body, end in self._frames:
            if body < position:
                continue
            batch.append(with_started(self._content[body:end], self._part))
            size += FRAME_SIZE + len(batch[-1])
            if size >= limit:
                yield batch, end
                batch, size = [], 0
        if batch:
            yield batch, self.end

    def _part(self, position: int, length: int) -> bytes:
        """The end of a whole record; an empty object's where that one is damaged."""
        at = bisect_right(self._frames, (position, len(self._content))) - 1
        is_whole = at >= 0 and position + length <= self._frames[at][1]
        return self._content[position : position + length] if is_whole else b"}"

    def cursors(self) -> dict[int, int]:
        """Each sink's position, read anew: another process may be writing the segment to another sink."""
        with self.path.open("rb") as file:
            head = file.read(HEAD_SIZE).ljust(HEAD_SIZE, b"\0")
        return {cursor.sink: cursor.position for cursor in self._cursors(head)}

    def set_cursor(self, sink: int, position: int) -> None:
        """Note a sink's position in the file, if the sink has a slot there."""
        with_copy = has_copies(self._content[:HEAD_SIZE])
        for cursor in self._cursors():
            if cursor.sink == sink:
                for offset, content in cursor_writes(cursor.slot, sink, position, with_copy=with_copy):
                    write_at(self.path, offset, content)

    def _cursors(self, head: bytes | None = None) -> list[Cursor]:
        """The cursors of known sinks; none if not a single one can be trusted."""
        cursors = [each for each in self._read(head or self._content[:HEAD_SIZE]) if each.sink != UNKNOWN_SINK]
        return [] if all(cursor.is_damaged for cursor in cursors) else cursors

    def _read(self, head: bytes) -> list[Cursor]:
        return list(read_cursors(head, self._boundaries.__contains__))


def _has_magic(head: bytes) -> bool:
    return head.startswith(MAGIC) or head.endswith(MAGIC)


def _check(path: Path, content: bytes, *, has_records: bool) -> None:
    head = content[:HEAD_SIZE]
    if _has_magic(head):
        return
    if head.startswith(_MAGIC_OF_ANY_VERSION) and head[len(_MAGIC_OF_ANY_VERSION) : len(MAGIC)].isalnum():
        raise OtherVersionError(f"{path} was written by another version of tracer")
    if has_records:  # the head is damaged
        return
    if not content.strip(b"\0"):
        raise EmptySegmentError(f"{path} is empty")
    raise ValueError(f"{path} is not a journal of tracer's")

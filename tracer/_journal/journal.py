"""The journal: this process's records on disk, from the moment of recording until every sink has them.

One journal a process, beside the store, in segments (segment.py). Appending never raises and never waits for a sink.
Without a writable file (full disk, read-only folder) segments are kept in memory, up to a limit, and this is logged.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tracer import _ids
from tracer._fault import is_interruption, log_once, logger, report
from tracer._journal.alive import AliveFile
from tracer._journal.frames import FRAME_SIZE
from tracer._journal.head import HEAD_SIZE
from tracer._journal.segment import Segment, SegmentCutError, whole_pages
from tracer._json import JsonMapping, encode
from tracer._records.line import Started, self_contained, with_started

_SMALLEST_SEGMENT = 1 << 16
_FIRST_SEGMENT = 1 << 18
_LARGEST_SEGMENT = 1 << 22
_MEMORY_LIMIT = 1 << 26
_MAPPED_SEGMENTS = 4  # older segments are read from their files, so that a slow sink costs no memory

SEGMENT_SUFFIX = ".journal"


class JournalClosedError(Exception):
    """The record was not written: this journal is closed, and a new one is in use."""


class Journal:
    """Takes records from any thread; each sink reads them in order, at its own pace."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        process_fields: JsonMapping,
        folders_with_locks: Callable[[], Iterable[Path]] = tuple,
    ) -> None:
        self.owner = f"{os.getpid()}-{time.time_ns():x}-{_ids.span_id()[:6]}"
        self.dropped = 0  # records that were deleted before every sink had them
        self._max_bytes = max_bytes
        self._process_fields = process_fields
        self._sinks: list[int] = []
        self._wakers: list[Callable[[], None]] = []
        self._segments: deque[Segment] = deque()
        self._current: Segment | None = None
        self._number = 0
        self._closed = False
        # re-entrant, since a finaliser or a signal handler may append while its own thread is appending; its record is
        # then deferred, as is work that must not be done under the lock, such as logging and deleting files
        self._append_lock = threading.RLock()
        self._appending = False
        self._deferred: deque[tuple[bytes, Started | None] | Callable[[], None]] = deque()
        self._alive = AliveFile(folder, self.owner, folders_with_locks, log_later=self._deferred.append)

    @property
    def folder(self) -> Path:
        """The folder of the segments."""
        return self._alive.folder

    # ---- writing ----

    def append(self, record: bytes, started: Started | None = None) -> tuple[Segment, int] | None:
        """Write a record, which then survives the death of this process; ``started`` is what it refers to.

        Returns its segment and the position after it; None where it is written a moment later.
        """
        with self._append_lock:
            if self._appending:
                self._deferred.append((record, started))
                return None
            self._appending = True
            try:
                segment = self._current
                if started is not None or segment is None or segment.end + FRAME_SIZE + len(record) > segment.size:
                    segment, record = self._room_for(record, started)
                segment.write(record)
                end = segment.end
            except BaseException as error:  # Ctrl-C meanwhile: write the record, then raise
                if is_interruption(error):
                    segment, record = self._room_for(record, started)
                    segment.write(record)
                raise
            finally:
                self._appending = False
        if self._deferred:
            self._run_deferred()
        for wake in self._wakers:
            wake()
        return segment, end

    def _room_for(self, record: bytes, started: Started | None) -> tuple[Segment, bytes]:
        """The segment that takes the record, and the record: self-contained where ``started`` is in another one."""
        segment = self._current
        if started is not None and segment is not started.segment:
            record = self_contained(record, started)
        if segment is None or segment.end + FRAME_SIZE + len(record) > segment.size:
            if started is not None:
                record = self_contained(record, started)
            segment = self._rotate(len(record))
        return segment, record

    def _run_deferred(self) -> None:
        while self._deferred:
            try:
                deferred = self._deferred.popleft()
            except IndexError:  # another thread was faster
                return
            if callable(deferred):
                deferred()
            else:
                self.append(*deferred)

    def _rotate(self, length: int, *, in_memory: bool = False) -> Segment:
        if self._closed:
            raise JournalClosedError
        self._number += 1
        process_record = encode(
            {"kind": "process", "owner": self.owner, "pid": os.getpid(), "time": time.time_ns(), **self._process_fields}
        )
        needed = whole_pages(HEAD_SIZE + 2 * FRAME_SIZE + len(process_record) + length)
        segment = self._open_segment(process_record, needed, in_memory=in_memory)
        self._segments.append(segment)
        self._current = segment
        self._keep_bounds()
        return segment

    def _usual_size(self) -> int:
        size = min(_FIRST_SEGMENT << min(self._number - 1, 8), _LARGEST_SEGMENT)
        return whole_pages(min(size, max(self._max_bytes // 8, _SMALLEST_SEGMENT)))

    def _open_segment(self, process_record: bytes, needed: int, *, in_memory: bool) -> Segment:
        usual = max(self._usual_size(), needed)
        if not in_memory:
            try:
                self._alive.take()
                return self._in_file(process_record, usual, max(_SMALLEST_SEGMENT, needed))
            except (OSError, ValueError) as error:
                self._deferred.append(partial(self._log_unwritable, error))
        segment = Segment.in_memory(self._number, usual)
        self._begin(segment, process_record)
        return segment

    def _in_file(self, process_record: bytes, usual: int, smallest: int) -> Segment:
        try:
            return self._file_of(process_record, usual)
        except OSError:
            if smallest >= usual:
                raise
        return self._file_of(process_record, smallest)  # the last free blocks of a disk are better than none

    def _file_of(self, process_record: bytes, size: int) -> Segment:
        segment = self._new_file(self._number, size)
        try:
            self._begin(segment, process_record)
        except BaseException:
            segment.remove()
            raise
        return segment

    def _new_file(self, number: int, size: int) -> Segment:
        def failed_write(record: bytes) -> None:
            self._deferred.append(partial(self._write_elsewhere, segment, record))

        segment = Segment.in_file(self._path(number), number, size)
        segment.failed_write = failed_write
        return segment

    def _begin(self, segment: Segment, process_record: bytes) -> None:
        for sink in self._sinks:
            segment.set_cursor(sink, HEAD_SIZE)
        segment.put(process_record)

    def _write_elsewhere(self, segment: Segment, record: bytes) -> None:
        """Write a record again that its segment's file did not take."""
        with self._nothing_appended():
            self._leave(segment)
            if not self._closed:
                self._put_safely([with_started(record, segment.part)])
        self._log_cut(segment)

    def _put_safely(self, records: list[bytes]) -> None:
        """Append records to a new segment, in memory if no file takes them; the caller holds the lock."""
        needed = sum(FRAME_SIZE + len(record) for record in records)
        segment = self._rotate(needed)
        for number, record in enumerate(records):
            try:
                segment.put(record)
            except OSError:
                segment = self._rotate(needed, in_memory=True)
                for each in records[number:]:
                    segment.write(each)
                return

    def _leave(self, segment: Segment) -> None:
        if self._current is segment:
            self._current = None

    def _save_what_was_cut(self, segment: Segment) -> None:
        """Give up the lost part of a segment whose file another program has cut."""
        with self._nothing_appended():
            if segment not in self._segments or not segment.is_cut():
                return
            self._leave(segment)
            found = segment.give_up_what_was_cut()
            if found.records and not self._closed:
                self._put_safely(found.records)
        self._log_cut(segment)
        if found.damaged_bytes:
            self._note_damaged(segment, found.damaged_bytes, found.damaged_records)
        self._run_deferred()

    def _log_cut(self, segment: Segment) -> None:
        log_once(
            f"cut {self.folder}",
            "tracer's journal %s was cut by another program, or its disk is full; recording goes on in another file",
            segment.path,
        )

    def _note_damaged(self, segment: Segment, size: int, records: int) -> None:
        self.dropped += records
        log_once(
            f"damaged {self.folder}",
            "tracer lost %s bytes of records that another program changed or cut in %s; `tracer doctor` counts them",
            size,
            segment.path,
        )
        self._alive.note(self.dropped)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.owner}.{number:06d}{SEGMENT_SUFFIX}"

    def _log_unwritable(self, error: Exception) -> None:
        log_once(
            f"journal {self.folder}",
            "tracer cannot write its journal in %s (%s); records are kept in memory until it can, at most %s MiB",
            self.folder,
            error,
            _MEMORY_LIMIT >> 20,
        )

    @property
    def is_in_memory(self) -> bool:
        """Whether records are kept in memory for want of a writable file."""
        with self._append_lock:
            return any(segment.path is None for segment in self._segments)

    def _keep_bounds(self) -> None:
        """Drop the oldest segments beyond the limits, and unmap all but the newest; the caller holds the lock."""
        on_disk = sum(segment.size for segment in self._segments if segment.path is not None)
        in_memory = sum(segment.end for segment in self._segments if segment.path is None)
        for segment in list(self._segments)[:-2]:  # the last two stay: a new record is never dropped at once
            if (in_memory > _MEMORY_LIMIT) if segment.path is None else (on_disk > self._max_bytes):
                in_memory -= segment.end if segment.path is None else 0
                on_disk -= segment.size if segment.path is not None else 0
                self._segments.remove(segment)
                self._deferred.append(partial(self._drop, segment))
        for segment in list(self._segments)[:-_MAPPED_SEGMENTS]:
            segment.unmap()

    def _drop(self, segment: Segment) -> None:
        try:
            count = segment.count()
            segment.remove()
        except (OSError, ValueError) as error:
            report("dropping the oldest records", error)
            return
        if not count:
            return
        self.dropped += count
        log_once(
            f"journal bound {self.folder}",
            "tracer's journal %s is full: the oldest records that the store or an exporter has not taken are dropped; "
            "`tracer doctor` counts them",
            self.folder,
        )
        self._alive.note(self.dropped)

    # ---- reading ----

    def add_sink(self, key: int, wake: Callable[[], None]) -> None:
        """Add a sink that reads from the oldest record on; records are kept until it has acknowledged them."""
        with self._append_lock:
            self._sinks.append(key)
            self._wakers.append(wake)
            for segment in self._segments:
                segment.set_cursor(key, HEAD_SIZE)

    def position(self) -> tuple[int, int]:
        """The place after the last record: segment number and offset."""
        with self._append_lock:
            segment = self._segments[-1] if self._segments else None
            return (segment.number, segment.end) if segment is not None else (0, 0)

    def read(self, cursor: tuple[int, int], limit: int) -> tuple[list[bytes], tuple[int, int]]:
        """Records after a cursor, about ``limit`` bytes of them, and the cursor after those."""
        while True:
            segment = self._segment_after(cursor)
            if segment is None:
                return [], cursor
            start = cursor[1] if segment.number == cursor[0] else HEAD_SIZE
            try:  # without the lock: appending does not wait for the read
                batch = segment.read(start, limit)
            except SegmentCutError:
                self._save_what_was_cut(segment)
                continue
            except (OSError, ValueError) as error:  # dropped at a limit, or deleted by another program
                self._give_up(segment, error)
                continue
            if batch.damaged_bytes:
                self._note_damaged(segment, batch.damaged_bytes, batch.damaged_records)
            cursor = (segment.number, batch.end)
            if batch.records:
                return batch.records, cursor

    def _segment_after(self, cursor: tuple[int, int]) -> Segment | None:
        with self._append_lock:
            for segment in self._segments:
                if segment.number > cursor[0] or (segment.number == cursor[0] and segment.end > cursor[1]):
                    return segment
        return None

    def _give_up(self, segment: Segment, error: Exception) -> None:
        with self._append_lock:
            if segment not in self._segments or self._closed:
                return
            self._segments.remove(segment)
            self._leave(segment)
        report("reading the journal back", error)

    def acknowledge(self, sink: int, cursor: tuple[int, int]) -> None:
        """Note that a sink has every record up to the cursor; segments that every sink has are deleted."""
        done: list[Segment] = []
        with self._append_lock:
            for segment in self._segments:
                if segment.number <= cursor[0]:
                    position = segment.end if segment.number < cursor[0] else cursor[1]
                    try:
                        segment.set_cursor(sink, position)
                    except OSError as error:
                        report("noting a sink's cursor", error)
            while self._segments and self._segments[0] is not self._current and self._is_delivered(self._segments[0]):
                done.append(self._segments.popleft())
        for segment in done:
            segment.remove()

    def _is_delivered(self, segment: Segment) -> bool:
        return all(segment.cursor(sink) >= segment.end for sink in self._sinks)

    def renew(self) -> None:
        """Move segments from memory to disk if that is possible now; replace a current file that was deleted or cut."""
        with self._append_lock:
            current, in_memory = self._current, [segment for segment in self._segments if segment.path is None]
        try:
            for segment in in_memory:
                self._move_to_disk(segment)
        except (OSError, ValueError) as error:  # retried later
            logger.debug("tracer still keeps records in memory", exc_info=error)
        if current is None or current.path is None:
            return
        if current.is_cut():
            self._save_what_was_cut(current)
        elif not current.path.exists():
            with self._append_lock:
                self._leave(current)

    def _move_to_disk(self, segment: Segment) -> None:
        with self._nothing_appended():
            if self._closed:
                return
            self._alive.take()
        size = min(segment.size, whole_pages(segment.end + _SMALLEST_SEGMENT))
        copy = self._new_file(segment.number, size)
        try:
            copy.copy(segment)  # without the lock: written bytes do not change
            moved = self._replace(segment, copy)
        except BaseException:
            copy.remove()
            raise
        if not moved:  # dropped, acknowledged, or more was written than fits
            copy.remove()
        self._run_deferred()

    def _replace(self, segment: Segment, copy: Segment) -> bool:
        with self._nothing_appended():
            if segment not in self._segments:
                return False
            copy.copy(segment)
            if copy.end < segment.end:
                return False
            self._segments[self._segments.index(segment)] = copy
            if self._current is segment:
                self._current = copy
            return True

    @contextmanager
    def _nothing_appended(self) -> Iterator[None]:
        """Hold the lock; records of a finaliser in this very thread are deferred until `_run_deferred`."""
        with self._append_lock:
            self._appending = True
            try:
                yield
            finally:
                self._appending = False

    # ---- ends ----

    def close(self, *, keep_alive_file: bool = False) -> bool:
        """Delete the segments that every sink has and leave the rest to recovery; True if nothing was left.

        With ``keep_alive_file`` the next process that opens the store learns that this one has ended.
        """
        for segment in list(self._segments):
            self._save_what_was_cut(segment)
        with self._append_lock:
            self._closed = True
            self._current = None
            segments, self._segments = list(self._segments), deque()
            left = [segment for segment in segments if not self._is_delivered(segment)]
            lost = sum(segment.count() for segment in left if segment.path is None)
            self.dropped += lost
            for segment in segments:
                _close(segment, remove=segment not in left)
            done = not any(segment.path is not None for segment in left)
            self._alive.close(self.dropped, remove=done and not keep_alive_file)
        if lost:
            log_once(f"journal lost {self.owner}", "tracer lost %s records: neither disk nor store took them", lost)
        return done and not lost

    def leave_to_parent(self) -> None:
        """After a fork, in the child: write nothing to the parent's files."""
        self._append_lock = threading.RLock()
        self._deferred.clear()
        self._sinks, self._wakers = [], []
        self._closed = True
        self._current = None
        self._alive.leave_to_parent()
        for segment in self._segments:
            segment.unmap()
        self._segments.clear()


def _close(segment: Segment, *, remove: bool) -> None:
    try:
        if remove or segment.path is None:
            segment.remove()
        else:
            segment.close()
    except (OSError, ValueError) as error:
        report("closing the journal", error)

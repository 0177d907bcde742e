"""The journal: what this process has recorded, on disk from the moment that it was recorded, until every sink has it.

One journal a process, beside the store, in segments (tracer/_segment.py). Appending never raises and never waits for a
sink. Where no file can be had (full disk, read-only folder) segments are kept in memory, bounded, and say so.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracer import _ids, _lockfile
from tracer._fault import log_once, report
from tracer._json import encode
from tracer._segment import FRAME, HEAD_SIZE, Segment

_FIRST_SEGMENT = 1 << 18
_LARGEST_SEGMENT = 1 << 22
_MEMORY_LIMIT = 1 << 26

SEGMENT_SUFFIX = ".journal"
LOCK_SUFFIX = ".alive"


class Journal:
    """Takes records from any thread and hands them to sinks in order, each at its own pace."""

    def __init__(self, folder: Path, *, max_bytes: int, about: Callable[[], dict[str, Any]]) -> None:
        self.folder = folder
        self.owner = ""
        self.dropped = 0  # bytes of records that a bound pushed out before a sink had them
        self._max_bytes = max_bytes
        self._about = about
        self._sinks: list[int] = []
        self._wakers: list[Callable[[], None]] = []
        self._reset()

    def _reset(self) -> None:
        # a finaliser or a signal handler may append while its own thread is appending: hence re-entrant, hence `_late`
        self._append_lock = threading.RLock()
        self._appending = False
        self._late: deque[bytes] = deque()
        self._segments: deque[Segment] = deque()
        self._current: Segment | None = None
        self._number = 0
        self._lock_descriptor: int | None = None
        self.owner = f"{os.getpid()}-{time.time_ns():x}-{_ids.span_id()[:6]}"

    # ---- writing ----

    def append(self, record: bytes) -> None:
        """Write a record down; durable against the death of this process when it returns."""
        with self._append_lock:
            if self._appending:
                self._late.append(record)
                return
            self._appending = True
            try:
                self._write(record)
                while self._late:
                    self._write(self._late.popleft())
            finally:
                self._appending = False
        for wake in self._wakers:
            wake()

    def _write(self, record: bytes) -> None:
        segment = self._current
        if segment is None or not segment.room_for(len(record)):
            segment = self._rotate(len(record))
        segment.write(record)

    def _rotate(self, length: int) -> Segment:
        if self._current is not None:
            self._current.sealed = True
        self._number += 1
        about = encode(
            {"kind": "process", "owner": self.owner, "pid": os.getpid(), "time": time.time_ns(), **self._about()}
        )
        size = min(_FIRST_SEGMENT << (self._number - 1), _LARGEST_SEGMENT)
        needed = HEAD_SIZE + 2 * FRAME.size + len(about) + length
        segment = self._open_segment(max(size, (needed + 0xFFFF) & ~0xFFFF))
        for sink in self._sinks:
            segment.set_cursor(sink, HEAD_SIZE)
        segment.write(about)
        self._segments.append(segment)
        self._current = segment
        self._keep_bounds()
        return segment

    def _open_segment(self, size: int) -> Segment:
        try:
            self._come_alive()
            path = self.folder / f"{self.owner}.{self._number:06d}{SEGMENT_SUFFIX}"
            return Segment.in_file(path, self._number, size)
        except (OSError, ValueError) as error:
            log_once(
                f"journal {type(error).__name__}",
                "tracer cannot write its journal in %s (%s); records are kept in memory until it can, at most %s MiB",
                self.folder,
                error,
                _MEMORY_LIMIT >> 20,
            )
            return Segment.in_memory(self._number, size)

    def _come_alive(self) -> None:
        if self._lock_descriptor is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # locked under another name first: a file that shows as alive must never be seen without its lock
        hidden = self.folder / f"{self.owner}.new"
        self._lock_descriptor = _lockfile.take(hidden)
        os.replace(hidden, self.alive_path)

    @property
    def alive_path(self) -> Path:
        """The file whose lock says that this process is alive."""
        return self.folder / f"{self.owner}{LOCK_SUFFIX}"

    def _keep_bounds(self) -> None:
        on_disk = sum(s.size for s in self._segments if s.path is not None)
        in_memory = sum(s.size for s in self._segments if s.path is None)
        for segment in list(self._segments)[:-1]:
            over = in_memory > _MEMORY_LIMIT if segment.path is None else on_disk > self._max_bytes
            if not over:
                continue
            if segment.path is None:
                in_memory -= segment.size
            else:
                on_disk -= segment.size
            self.dropped += segment.end - HEAD_SIZE
            log_once("journal bound", "tracer's journal is full: the oldest records that no sink has taken are dropped")
            self._segments.remove(segment)
            segment.remove()

    # ---- reading ----

    def add_sink(self, key: int, wake: Callable[[], None]) -> None:
        """Let a sink read from the start of what is there; records are kept until it has taken them."""
        with self._append_lock:
            self._sinks.append(key)
            self._wakers.append(wake)
            for segment in self._segments:
                segment.set_cursor(key, HEAD_SIZE)

    def position(self) -> tuple[int, int]:
        """The place after the last record: segment number and offset."""
        segment = self._current
        return (segment.number, segment.end) if segment is not None else (0, 0)

    def read(self, cursor: tuple[int, int], limit: int) -> tuple[list[bytes], tuple[int, int]]:
        """Records after a cursor, about ``limit`` bytes of them, and the cursor after those."""
        with self._append_lock:  # so that no bound removes the segment while it is read
            for segment in self._segments:
                if segment.number < cursor[0]:
                    continue
                start = cursor[1] if segment.number == cursor[0] else HEAD_SIZE
                if start < segment.end:
                    records, end = segment.read(start, limit)
                    return records, (segment.number, end)
        return [], cursor

    def taken(self, sink: int, cursor: tuple[int, int]) -> None:
        """A sink has everything up to the cursor; segments that every sink has are deleted."""
        with self._append_lock:
            for segment in self._segments:
                if segment.number < cursor[0]:
                    segment.set_cursor(sink, segment.end)
                elif segment.number == cursor[0]:
                    segment.set_cursor(sink, cursor[1])
            while self._segments and self._segments[0].sealed and self._is_taken(self._segments[0]):
                self._segments.popleft().remove()

    def _is_taken(self, segment: Segment) -> bool:
        cursors = segment.cursors()
        return all(cursors.get(sink, HEAD_SIZE) >= segment.end for sink in self._sinks)

    # ---- ends ----

    def close(self) -> bool:
        """Delete what every sink has and let go of the rest, for others to adopt; True if nothing was left."""
        with self._append_lock:
            done = all(self._is_taken(segment) for segment in self._segments)
            for segment in self._segments:
                segment.remove() if done else segment.close()
            if self._lock_descriptor is not None:
                if done:
                    self.alive_path.unlink(missing_ok=True)
                _lockfile.release(self._lock_descriptor)
            self._reset()
        return done

    def forget_parent(self) -> None:
        """After a fork: the parent's files are the parent's; the child writes its own."""
        descriptor = self._lock_descriptor
        self._reset()
        self._sinks, self._wakers = [], []
        if descriptor is not None:
            try:
                _lockfile.release(descriptor)
            except OSError as error:
                report("letting go of the parent's journal", error)

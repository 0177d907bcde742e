"""Which recorded calls were answered, as the processes of one program tell each other: each call answers once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tracer._journal.lockfile import release, take_within
from tracer._replay.cassette import Recorded

_LONGEST_SECONDS = 60.0


class Uses:
    """A file with a byte for each call, beside a lock."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def shared(self, calls: Sequence[Recorded]) -> Iterator[None]:
        """The calls with what other processes have answered; what is answered here is told them at the end.

        Where the file is gone, with the process that the program began with, calls are those of this process.
        """
        lock = self._lock()
        if lock is None:
            yield
            return
        try:
            known = self._file.read_bytes() if self._file.exists() else b""
            for call, is_used in zip(calls, known):
                call.is_used = call.is_used or bool(is_used)
            yield
            self._file.write_bytes(bytes(call.is_used for call in calls))
        finally:
            release(lock)

    def _lock(self) -> int | None:
        try:
            return take_within(self._file.with_suffix(".lock"), _LONGEST_SECONDS)
        except OSError:
            return None

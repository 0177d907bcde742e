"""The file whose lock shows that this process is alive, and the choice of the folder for its journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tracer._fault import log_once, logger
from tracer._journal import lockfile
from tracer._journal.dropped import note_dropped
from tracer._json import encode

LOCK_SUFFIX = ".alive"
NEW_LOCK_SUFFIX = ".new"


class AliveFile:
    """Its lock is held as long as the process lives; its content is the number of dropped records.

    It is in ``folder``, or where the file system knows no locks there, in the first other folder where it does.
    """

    def __init__(
        self,
        folder: Path,
        owner: str,
        folders_with_locks: Callable[[], Iterable[Path]],
        *,
        log_later: Callable[[Callable[[], None]], None],
    ) -> None:
        self.folder = folder
        self._owner = owner
        self._folders_with_locks = folders_with_locks
        self._log_later = log_later
        self._descriptor: int | None = None
        self._noted = 0  # the part of the dropped records that is counted in a file

    def take(self) -> None:
        """Hold the lock. Raises OSError where that is possible nowhere."""
        if self._descriptor is not None:
            if self._path(self.folder).exists():
                return
            self._release()  # the folder was deleted
        try:
            self._descriptor = self._take_in(self.folder)
        except lockfile.NoLocksError as error:
            self._take_elsewhere(error)

    def _take_in(self, folder: Path) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        # locked under another name first: no other process may see the file under its final name without the lock
        hidden = folder / f"{self._owner}{NEW_LOCK_SUFFIX}"
        try:
            descriptor = lockfile.take(hidden)
        except lockfile.NoLocksError:
            hidden.unlink(missing_ok=True)
            raise
        os.replace(hidden, self._path(folder))
        return descriptor

    def _take_elsewhere(self, error: lockfile.NoLocksError) -> None:
        for folder in self._folders_with_locks():
            try:
                self._descriptor = self._take_in(folder)
            except OSError as another:
                logger.debug("tracer cannot write its journal in %s", folder, exc_info=another)
                continue
            self._log_later(partial(_log_move, self.folder, folder))
            self.folder = folder
            return
        raise error

    def _path(self, folder: Path) -> Path:
        return folder / f"{self._owner}{LOCK_SUFFIX}"

    def note(self, dropped: int) -> None:
        """Write down the number of dropped records."""
        if self._descriptor is None:
            return
        try:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, encode({"dropped": dropped}))
            self._noted = dropped
        except OSError as error:  # a full disk; this process still knows
            logger.debug("tracer could not note how many records it dropped", exc_info=error)

    def close(self, dropped: int, *, remove: bool) -> None:
        """Release the lock; with ``remove``, delete the file."""
        try:
            if remove and self._descriptor is not None:
                self._path(self.folder).unlink(missing_ok=True)
                self._noted = 0
            note_dropped(self.folder, self._owner, dropped - self._noted)
            self._noted = dropped
        except OSError as error:
            logger.debug("tracer could not delete its journal", exc_info=error)
        self._release()

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            lockfile.release(descriptor)

    def leave_to_parent(self) -> None:
        """After a fork, in the child: the lock is the parent's."""
        self._descriptor = None


def _log_move(folder: Path, used: Path) -> None:
    log_once(
        f"no locks {folder}",
        "tracer writes its journal to %s, since the file system of %s knows no locks; SQLite needs locks too: "
        "have the store on a local disk",
        used,
        folder,
    )

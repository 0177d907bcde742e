"""A disk that can be full: a small file system of its own, or where that may not be mounted, a limit of files."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_SIZE = "64m"
_BLOCK = bytes(4096)


class Disk(Protocol):
    """Where a store lies."""

    def fill(self, pid: int) -> None:
        """Nothing can be written any more, by this process at least."""

    def free(self, pid: int) -> None:
        """There is room again."""


class NoDisk(Exception):
    """Neither way is open here."""


class SmallFileSystem:
    """Filled with one large file."""

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fill(self, pid: int) -> None:
        with self._filler.open("wb", 0) as file, contextlib.suppress(OSError):
            while file.write(_BLOCK):
                pass

    def free(self, pid: int) -> None:
        self._filler.unlink()


class LimitedFiles:
    """The process may not make a file longer."""

    def fill(self, pid: int) -> None:
        self._limit(pid, 0)

    def free(self, pid: int) -> None:
        self._limit(pid, -1)

    def _limit(self, pid: int, size: int) -> None:
        import resource

        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Disk]:
    """A disk for what lies in this folder. Raises NoDisk."""
    if sys.platform != "linux":
        raise NoDisk("needs Linux")
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)]
    may_mount = os.geteuid() == 0 and shutil.which("mount") is not None
    # in a session of their own: a Ctrl-C ends the laboratory, but not these, or the mount would stay
    if not may_mount or subprocess.run(command, capture_output=True, start_new_session=True).returncode:
        yield LimitedFiles()
        return
    try:
        yield SmallFileSystem(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, start_new_session=True)

"""A file whose lock says that its process is alive: the system releases it when the process ends, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def take(path: Path) -> int | None:
    """A descriptor that holds the file's lock, or None if another process holds it; raises OSError where it cannot be opened."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def take_existing(path: Path) -> int | None:
    """Like :func:`take`, for a file that is there; None also where it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def release(descriptor: int) -> None:
    """Give the lock back."""
    os.close(descriptor)

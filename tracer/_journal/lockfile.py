"""Files whose locks show that a process is alive, or busy: the system releases them however the process ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_LONGEST_WAIT_SECONDS = 0.02

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})

_held: set[int] = set()


class NoLocksError(OSError):
    """The file system knows no locks."""


def take(path: Path) -> int:
    """A descriptor that holds the file's lock; raises OSError where it cannot be opened or locked, or NoLocksError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _CLOSE_ON_EXEC, 0o600)
    try:
        _lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_LOCKS:
            raise NoLocksError(error.errno, error.strerror, str(path)) from error
        raise
    except BaseException:
        os.close(descriptor)
        raise
    _held.add(descriptor)
    return descriptor


def take_within(path: Path, seconds: float) -> int | None:
    """Like :func:`take`, but waits while the lock is held; None if that takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    wait = 0.001
    while True:
        try:
            return take(path)
        except (BlockingIOError, PermissionError) as error:
            if isinstance(error, PermissionError) and not os.access(path, os.W_OK):
                raise
            if time.monotonic() >= deadline:
                return None
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def is_held(path: Path) -> bool:
    """Whether a process holds the file's lock, or may hold it, as with another user's file that cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDWR | _CLOSE_ON_EXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        _lock(descriptor, shared=True)  # shared, so that simultaneous checks do not mistake each other for the owner
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def knows_locks(folder: Path) -> bool:
    """Whether files in an existing folder can be locked, as far as can be told."""
    if sys.platform == "win32":
        return True
    try:
        descriptor = os.open(folder, os.O_RDONLY | _CLOSE_ON_EXEC)
    except OSError:
        return True
    try:
        _lock(descriptor, shared=True)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
    return True


def _lock(descriptor: int, *, shared: bool = False) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def release(descriptor: int) -> None:
    """Release the lock, even if a forked child still has the descriptor."""
    _held.discard(descriptor)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def leave_to_parent() -> None:
    """In a forked child: close the parent's descriptors without releasing the parent's locks."""
    for descriptor in _held:
        try:
            os.close(descriptor)
        except OSError:
            continue
    _held.clear()

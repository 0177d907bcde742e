"""Keeps a journal's file that another program cuts, or that has no room on its disk, from killing this process.

Touching a mapped page without a disk block raises SIGBUS, whose default ends the process. The handler here is called in
the touching thread, at that very moment. If a segment is being used there, memory takes the place of the mapped file,
and the use goes on in it; any other SIGBUS, a fault or one that was sent, is left to the handler that was there before.
Writing by system calls needs no handler, but takes more than twice as long per record, and releases the interpreter's
lock each time.

Global state: the handler, which is installed once and removed at the interpreter's exit.
"""

from __future__ import annotations

import atexit
import mmap
import signal
import sys
import threading
from collections.abc import Callable, Collection
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ctypes

_MAP_FIXED = 0x10
_LARGEST_SIGACTION = 512  # bytes; its layout is the system's own
# a pointer and the mask of signals, then the flags: Linux with glibc or musl, macOS; elsewhere SA_RESTART is not there
_FLAGS_POSITION, _SA_RESTART, _SA_SIGINFO = (12, 0x2, 0x40) if sys.platform == "darwin" else (136, 0x10000000, 0x4)
_CODE_POSITION = 2  # in siginfo_t, an array of int at its start
_FAULTS = range(1, 0x10000)  # codes of signals raised by the system, not by a program
_handler: _Handler | None = None
_installing = threading.Lock()


def install(users: Collection[CodeType], rescue: Callable[[FrameType], bool]) -> None:
    """Call ``rescue`` with the frame of a function with such code that meets SIGBUS; true if it can go on.

    Does nothing on systems without SIGBUS or ctypes.
    """
    global _handler
    if not hasattr(signal, "SIGBUS") or not _installing.acquire(blocking=False):  # another thread does it
        return
    try:
        if _handler is None:
            _handler = _Handler(users, rescue)
            atexit.register(_handler.remove)
    except (ImportError, AttributeError, OSError, MemoryError):  # no libffi, no right to make callbacks
        return
    finally:
        _installing.release()


def put_memory(buffer: mmap.mmap, start: int) -> bool:
    """Replace the pages of a map from a position on by memory; their content is in the file, or lost."""
    import ctypes

    view = ctypes.c_char.from_buffer(buffer)
    address = ctypes.addressof(view) + start
    del view
    call = ctypes.PyDLL(None).mmap
    call.restype = ctypes.c_void_p
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANON | _MAP_FIXED
    mapped: int | None = call(address, len(buffer) - start, access, kind, -1, 0)
    return mapped == address


class _Handler:
    """A handler of SIGBUS in C, since Python's own are called only after the write, which never ends."""

    def __init__(self, users: Collection[CodeType], rescue: Callable[[FrameType], bool]) -> None:
        import ctypes

        self._users = users
        self._rescue = rescue
        self._libc: Any = ctypes.PyDLL(None)
        self._libc.signal.restype = ctypes.c_void_p
        self._libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        arguments = (ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p)
        self._callback: Any = ctypes.CFUNCTYPE(None, *arguments)(self._handle)
        self._address = ctypes.cast(self._callback, ctypes.c_void_p).value
        self._earlier = self._current()
        self._libc.signal(signal.SIGBUS, self._address)
        self._has_details = self._ask_for_details()

    def remove(self) -> None:
        """Put the earlier handler back, unless there is a later one."""
        import ctypes

        if ctypes.c_void_p.from_buffer(self._current()).value == self._address:
            self._restore()

    def _current(self) -> ctypes.Array[ctypes.c_char]:
        import ctypes

        action = ctypes.create_string_buffer(_LARGEST_SIGACTION)
        self._libc.sigaction(int(signal.SIGBUS), None, action)
        return action

    def _ask_for_details(self) -> bool:
        """Whether the handler is called with a siginfo_t from now on."""
        import ctypes

        action = self._current()
        flags = ctypes.c_int.from_buffer(action, _FLAGS_POSITION)
        if not flags.value & _SA_RESTART:  # signal() has set it
            return False
        flags.value |= _SA_SIGINFO
        self._libc.sigaction(int(signal.SIGBUS), action, None)
        return True

    def _restore(self) -> None:
        self._libc.sigaction(int(signal.SIGBUS), self._earlier, None)

    def _handle(self, _number: int, details: Any, _context: int | None) -> None:
        try:
            frame = sys._getframe(1)
            if frame.f_code in self._users and self._rescue(frame):
                return
        except Exception:  # nothing can be raised into the write
            pass
        self._restore()  # a fault is repeated, and meets the earlier handler
        if self._has_details and details[_CODE_POSITION] not in _FAULTS:
            signal.raise_signal(signal.SIGBUS)  # comes when this handler has returned

"""Starts tracer's own threads from the user's thread, which may be interrupted at any moment."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Generator

_LONGEST_START_SECONDS = 10.0


def start_thread(run: Callable[[], object], name: str) -> threading.Thread:
    """Start a daemon thread. Raises RuntimeError where none can be had, as at the interpreter's shutdown.

    After any other exception, such as a time limit's, the thread may run or not.

    Before Python 3.12 a new thread has its creator's id until it first runs, so that an exception thrown into the
    creator (`PyThreadState_SetAsyncExc`) can hit the new thread instead, and `Thread.start` then waits forever. A
    starter thread takes that risk: it catches the exception, to be raised in the creator, and starts the lasting
    thread, whose creator's id is known nowhere else.
    """
    if sys.is_finalizing():  # before Python 3.12, starting a thread now waits forever
        raise RuntimeError("can't create new thread at interpreter shutdown")
    thread = threading.Thread(target=run, name=name, daemon=True)
    is_started = threading.Lock()
    is_started.acquire()
    errors: list[BaseException] = []
    starter = _starter(thread, is_started, errors)
    next(starter)
    _thread.start_new_thread(next, (starter, None))
    if not is_started.acquire(timeout=_LONGEST_START_SECONDS):
        raise RuntimeError(f"{name} did not start within {_LONGEST_START_SECONDS} s")
    if errors:
        raise errors.pop()
    return thread


def _starter(
    thread: threading.Thread, is_started: threading.Lock, errors: list[BaseException]
) -> Generator[None, None, None]:
    # a generator: an exception thrown into a new thread is raised where it first runs, and a function's first
    # instruction is outside every `try`, the one after a `yield` is not
    try:
        yield
    except GeneratorExit:  # the creator was interrupted before it made the starter thread
        return
    except BaseException as error:
        errors.append(error)
    try:
        thread.start()
    except BaseException as error:
        errors.append(error)
    finally:
        is_started.release()

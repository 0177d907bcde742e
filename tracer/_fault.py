"""The guard around everything of ours that runs beside a user's call: what fails there is logged, never raised."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any

logger = logging.getLogger("tracer")

_LOGGED_CAUSES_LIMIT = 1000
_logged: set[tuple[str, str]] = set()
_strict = False


def set_strict(value: bool) -> None:
    """Let swallowed faults raise: for test suites, so that no fault of ours hides."""
    global _strict
    _strict = value


def log_once(cause: str, message: str, *args: object, level: int = logging.WARNING) -> None:
    """Log a message the first time that its cause occurs in this process; never raises."""
    key = (cause, message)
    if key in _logged or len(_logged) >= _LOGGED_CAUSES_LIMIT:
        return
    _logged.add(key)
    try:
        logger.log(level, message, *args)
    except Exception as error:  # a handler of the application's that fails, or no stack left to log on
        heed(error)


def forget_logged() -> None:
    """Let every cause be logged again."""
    _logged.clear()


def is_interruption(error: BaseException) -> bool:
    """Whether a signal handler of the program's raised this while our code ran, such as a time limit's.

    Python runs such handlers between any two steps of the main thread.
    """
    trace = error.__traceback__
    if trace is None or threading.current_thread() is not threading.main_thread():
        return False
    import signal  # where something fails, not in every program

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {_code_of(handler) for handler in handlers if callable(handler)}
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def _code_of(handler: Any) -> Any:
    handler = getattr(handler, "func", handler)  # a partial's
    return getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)


def heed(error: BaseException) -> None:
    """Raise what a signal handler of the program's raised, where an exception is about to be swallowed."""
    if is_interruption(error):
        raise error


def report(doing: str, error: BaseException) -> None:
    """Log a fault of ours once per cause, with its traceback at debug level; under ``set_strict`` it raises.

    What a signal handler raised is raised again: the program waits for it.
    """
    if _strict or is_interruption(error):
        raise error
    cause = f"{doing}:{type(error).__name__}"
    log_once(cause, "tracer failed while %s and went on: %s: %s", doing, type(error).__name__, _safe_text(error))
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("tracer failed while %s", doing, exc_info=error)


def _safe_text(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:
        return "<no message>"


class guard:
    """``with guard("reading the reply"):`` swallows what fails inside, logs it once, and the program goes on."""

    __slots__ = ("doing",)

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, (Exception, RecursionError, MemoryError)):
            return False
        report(self.doing, error)
        return True

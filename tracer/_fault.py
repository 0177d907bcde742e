"""The guard around everything of ours that runs beside a user's call: what fails there is logged, never raised."""

from __future__ import annotations

import logging
import sys
from types import FrameType, TracebackType

logger = logging.getLogger("tracer")

_VARARGS = 0x04  # of a code object's flags, as inspect.CO_VARARGS has it, at the cost of no import
_OURS = frozenset({"tracer", "integrations", "orjson", "pydantic_core", "pydantic", "numpy", "opentelemetry", "wrapt"})
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
        reraise_interruption(error)


def forget_logged() -> None:
    """Let every cause be logged again."""
    _logged.clear()


def is_interruption(error: BaseException) -> bool:
    """Whether the program, not our code, raised this while our code ran: Ctrl-C, a time limit's exception.

    A signal handler does so between any two steps of the main thread, and `PyThreadState_SetAsyncExc` in any thread.
    """
    if not isinstance(error, Exception):
        return True
    frame = None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if _handles_a_signal(frame):
            return True
        trace = trace.tb_next
    if frame is None or error.args or not _is_foreign(type(error).__module__):
        return False  # what is thrown in is a type, and Python makes the exception; who raises says what is wrong
    return not _is_foreign(frame.f_globals.get("__name__"))


def _handles_a_signal(frame: FrameType) -> bool:
    """Only handlers of signals are given a frame, the one that they interrupt."""
    code = frame.f_code
    if code.co_argcount >= 2:
        given = code.co_varnames[: code.co_argcount]
        return any(isinstance(frame.f_locals.get(name), FrameType) for name in given)
    if not code.co_flags & _VARARGS:
        return False
    rest = frame.f_locals.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount], ())
    return any(isinstance(argument, FrameType) for argument in rest)


def _is_foreign(module: str | None) -> bool:
    """Whether this is no module of ours, of Python's, or of the libraries in C that our code calls."""
    package = (module or "").partition(".")[0]
    return package not in _OURS and package not in sys.stdlib_module_names


def reraise_interruption(error: BaseException) -> None:
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

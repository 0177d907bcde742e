"""The guard around tracer's own code beside a user's call: its faults are logged, never raised."""

from __future__ import annotations

import logging
import sys
from types import FrameType, TracebackType

logger = logging.getLogger("tracer")

_VARARGS = 0x04  # of a code object's flags: inspect.CO_VARARGS without the import
_OURS = frozenset({"tracer", "integrations", "orjson", "pydantic_core", "pydantic", "numpy", "opentelemetry", "wrapt"})
_LOGGED_CAUSES_LIMIT = 1000
_logged: set[tuple[str, str]] = set()
_strict = False


def set_strict(value: bool) -> None:
    """Let swallowed faults raise: for test suites, which are to show every fault."""
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
    except Exception as error:  # a failing handler of the application's, or a full stack
        reraise_interruption(error)


def forget_logged() -> None:
    """Log every cause again."""
    _logged.clear()


def is_interruption(error: BaseException) -> bool:
    """Whether the program, not our code, raised this while our code ran: Ctrl-C, a time limit's exception.

    A signal handler can raise between any two steps of the main thread, `PyThreadState_SetAsyncExc` in any thread.
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
        return False  # Python makes a thrown exception from its type, without arguments
    return not _is_foreign(frame.f_globals.get("__name__"))


def _handles_a_signal(frame: FrameType) -> bool:
    """Only signal handlers have a frame as argument: the interrupted one."""
    code = frame.f_code
    if code.co_argcount >= 2:
        given = code.co_varnames[: code.co_argcount]
        return any(isinstance(frame.f_locals.get(name), FrameType) for name in given)
    if not code.co_flags & _VARARGS:
        return False
    rest = frame.f_locals.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount], ())
    return any(isinstance(argument, FrameType) for argument in rest)


def _is_foreign(module: str | None) -> bool:
    """Whether the module is neither tracer's, nor Python's, nor of a library that tracer calls."""
    package = (module or "").partition(".")[0]
    return package not in _OURS and package not in sys.stdlib_module_names


def reraise_interruption(error: BaseException) -> None:
    """Raise an interruption by the program again, where an exception is about to be swallowed."""
    if is_interruption(error):
        raise error


def report(doing: str, error: BaseException) -> None:
    """Log a fault of ours once per cause, with its traceback at debug level; under ``set_strict`` it raises.

    An interruption, such as a signal handler's exception, is raised again: the program expects it.
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
    """``with guard("reading the reply"):`` logs a fault of the block once, and swallows it."""

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

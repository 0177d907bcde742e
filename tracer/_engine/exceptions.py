"""Exceptions as spans record them: type, message, stack, and whether they are errors at all."""

from __future__ import annotations

import os
import traceback

from tracer._encoding.shown import exception_text, shows_itself
from tracer._fault import reraise_interruption

_MESSAGE_LIMIT = 8_000
_STACK_LIMIT = 32_000
_FRAMES_LIMIT = 60
_WRAPPERS = tuple(
    os.path.join("tracer", *path)
    for path in (("_engine", "decorator.py"), ("provider", "wrappers.py"), ("provider", "streams.py"))
)


def type_name(error: BaseException) -> str:
    """The exception's class in the form of ``error.type``: qualified, without ``builtins``."""
    return name_of_type(type(error))


def name_of_type(kind: type[BaseException]) -> str:
    """The same of a class."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """The exception's text, also when its ``__str__`` is broken; large and lazy arguments as they are recorded."""
    try:
        return exception_text(error, _MESSAGE_LIMIT)
    except Exception as broken:
        reraise_interruption(broken)
        return f"<no message: __str__ raised {type(broken).__name__}>"


def event_attributes(error: BaseException, message: str | None) -> dict[str, str]:
    """The attributes of OpenTelemetry's ``exception`` event; without a message no content."""
    attributes = {"exception.type": type_name(error)}
    if message is not None:
        attributes["exception.message"] = message
        attributes["exception.stacktrace"] = _stack_of(error)
    return attributes


def _stack_of(error: BaseException) -> str:
    try:
        shown = error if all(shows_itself(link, _MESSAGE_LIMIT) for link in _chain(error)) else _stand_in(error, {})
        described = traceback.TracebackException.from_exception(shown, limit=-_FRAMES_LIMIT)
        _leave_out_our_frames(described)
        text = "".join(described.format())
    except Exception as broken:
        reraise_interruption(broken)
        return f"{type_name(error)}: {message_of(error)}"
    return text if len(text) <= _STACK_LIMIT else f"[cut]…{text[-_STACK_LIMIT:]}"


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and those that it came from."""
    found, waiting = {id(error): error}, [error]
    while waiting:
        link = waiting.pop()
        for origin in (link.__cause__, link.__context__):
            if origin is not None and id(origin) not in found:
                found[id(origin)] = origin
                waiting.append(origin)
    return list(found.values())


def _stand_in(error: BaseException, known: dict[int, BaseException]) -> BaseException:
    """An exception with the same stack and origins whose text is bounded: `traceback` asks each for its own."""
    kind, message = type(error), message_of(error)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__str__": lambda self: message}
    shown: BaseException = type(kind.__name__, (Exception,), names)()
    known[id(error)] = shown
    shown.__traceback__ = error.__traceback__
    for name in ("__cause__", "__context__"):
        origin = getattr(error, name)
        if origin is not None:
            setattr(shown, name, known.get(id(origin)) or _stand_in(origin, known))
    shown.__suppress_context__ = error.__suppress_context__
    return shown


def _leave_out_our_frames(described: traceback.TracebackException) -> None:
    """Remove the frames of wrappers around traced functions: they are in every stack and explain nothing."""
    link: traceback.TracebackException | None = described
    while link is not None:
        link.stack = traceback.StackSummary.from_list([f for f in link.stack if not f.filename.endswith(_WRAPPERS)])
        link = link.__cause__ or link.__context__


# exceptions by which libraries end a step that has not failed, by module and name, as nothing is imported for them
_WANTED_ENDS: dict[tuple[str, str], str | None] = {
    ("arq.worker", "Retry"): "retried",
    ("arq.worker", "RetryJob"): "retried",
    ("builtins", "StopAsyncIteration"): "exhausted",  # of a traced __anext__
    ("builtins", "StopIteration"): "exhausted",
    ("celery.exceptions", "Ignore"): "ignored",
    ("celery.exceptions", "Reject"): "rejected",
    ("celery.exceptions", "Retry"): "retried",
    ("dramatiq.errors", "Retry"): "retried",
    ("greenlet", "GreenletExit"): "cancelled",
    ("huey.exceptions", "CancelExecution"): "cancelled",
    ("huey.exceptions", "RetryTask"): "retried",
    ("langgraph.errors", "GraphBubbleUp"): "paused",
    ("langgraph.errors", "ParentCommand"): None,  # a node's order to the graph above its own
    ("trio", "Cancelled"): "cancelled",
}


def ending_of(error: BaseException) -> tuple[bool, str | None]:
    """Whether the exception is an error, and the kind of early end if it is one.

    A closed generator, ``sys.exit(0)`` and a cancelled task are wanted ends, not errors, and so is a group of them.
    """
    if isinstance(error, GeneratorExit):
        return False, "closed"
    if isinstance(error, SystemExit):
        return error.code not in (None, 0), "exit"
    if isinstance(error, KeyboardInterrupt):
        return True, "interrupted"
    for kind in type(error).__mro__:
        if kind.__name__ == "CancelledError":
            return False, "cancelled"
        wanted = (kind.__module__, kind.__name__)
        if wanted in _WANTED_ENDS:
            return False, _WANTED_ENDS[wanted]
    if type(error).__name__ in ("ExceptionGroup", "BaseExceptionGroup"):
        return _ending_of_group(error)
    return True, None


def _ending_of_group(group: BaseException) -> tuple[bool, str | None]:
    endings = [ending_of(error) for error in getattr(group, "exceptions", ())]
    return next((ending for ending in endings if ending[0]), endings[0] if endings else (True, None))

"""The exceptions of tracer, raised only for misuse of its API and for stores that cannot be used."""

from __future__ import annotations


class TracerError(Exception):
    """Base of every error that tracer raises."""


class InvalidArgumentError(TracerError, ValueError):
    """An invalid argument; the message names the given value, the expected one and the fix."""


class FilterSyntaxError(InvalidArgumentError):
    """A filter string that does not parse, with ``reason`` and ``position``, in characters from 0."""

    def __init__(self, message: str, filter_string: str, position: int) -> None:
        self.reason = message
        self.filter_string = filter_string
        self.position = position
        super().__init__(f"{message}\n  {filter_string}\n  {' ' * position}^")


class StoreError(TracerError):
    """The store cannot be opened, read or written."""


class NewerStoreError(StoreError):
    """The store was written by a newer version of tracer; it was not touched."""


class BusyServerError(StoreError):
    """The server of the store takes nothing now, and asks to be asked again later."""


class NotAllowedError(StoreError):
    """The key that the server of the store was given does not allow this."""


class QueryTimeoutError(StoreError):
    """A query of the store took longer than its caller allowed."""


class _NotFoundError(TracerError, KeyError):
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class TraceNotFoundError(_NotFoundError):
    """No trace has this id in the store."""


class ModelNotFoundError(_NotFoundError):
    """No version of an app has this id or name in the store."""


class RunNotFoundError(_NotFoundError):
    """No run has this id in the store."""


class DatasetNotFoundError(_NotFoundError):
    """No dataset has this name or id in the store."""


class QueueNotFoundError(_NotFoundError):
    """No review queue has this name or id in the store."""


class ConflictError(TracerError):
    """The object to change was changed by another caller in the meantime; it was left as it is."""


class PromptNotFoundError(_NotFoundError):
    """No prompt has this name, version or alias in the store."""


class LimitExceededError(TracerError):
    """A call to a model was not sent, because a `tracer.limit` is reached; the message names the calls.

    ``reached`` is "cost", "tokens", "calls" or "repeats", of which ``used`` were used and ``allowed`` are allowed.
    """

    def __init__(self, message: str, reached: str, used: float, allowed: float) -> None:
        self.reached = reached
        self.used = used
        self.allowed = allowed
        super().__init__(message)

    def __reduce__(self) -> tuple[type[LimitExceededError], tuple[str, str, float, float]]:
        return type(self), (str(self), self.reached, self.used, self.allowed)


class EvaluationError(TracerError):
    """The app failed on every row of an evaluation."""


class JudgeError(TracerError):
    """A judge gave no verdict: its model cannot be asked, or replied something else."""


class UntrustedModelError(TracerError):
    """Loading this model would run code of unknown origin."""


class CassetteError(TracerError):
    """A cassette cannot be replayed: it does not exist, is incomplete, or is no cassette."""


class ReplayMismatchError(BaseException):
    """A request of a replay is not among the recorded ones; the message names the differences and their places.

    No `Exception`, so that neither an SDK's retries nor a program's own fallbacks take it for a fault of the network.
    """


def check_flags(**flags: object) -> None:
    """Raise InvalidArgumentError for a flag that is neither True nor False: for Python the text "no" is true."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidArgumentError(f"{name} is {value!r:.80}, expected True or False")

"""Limits of a project for requests and bytes a minute, as buckets that fill up again evenly."""

from __future__ import annotations

import math

from tracer._catalog.rows import Project
from tracer.server.answer import AnswerError

_MINUTE = 60.0


class Quota:
    """The remaining quota of a project. A body of any size is taken whole; bytes beyond the limit are owed."""

    def __init__(self) -> None:
        self._requests = _Bucket()
        self._bytes = _Bucket()

    def admit(self, project: Project, now: float) -> None:
        """Count a request at a time, in seconds. Raises AnswerError with the seconds to wait if it is one too many."""
        waits = [
            (self._requests.wait(project.requests_a_minute, now, 1), f"{project.requests_a_minute} requests"),
            (self._bytes.wait(project.bytes_a_minute, now, 0), f"{project.bytes_a_minute} bytes"),
        ]
        wait, limit = max(waits)
        if wait > 0:
            raise AnswerError(
                429, f"the project {project.name} has sent its {limit} a minute; send it again later", retry_after=wait
            )
        self._requests.take(1)

    def received(self, size: int) -> None:
        """Count bytes of a body."""
        self._bytes.take(size)


class _Bucket:
    def __init__(self) -> None:
        self._taken = 0.0
        self._at = -math.inf

    def wait(self, limit: int | None, now: float, more: int) -> int:
        """Seconds until there is room for so much more, where a minute has room for ``limit``."""
        if limit is None:
            self._taken = 0.0
            return 0
        self._taken = max(0.0, self._taken - (now - self._at) * limit / _MINUTE)
        self._at = now
        # half a request of tolerance: a client that has waited the given time is not refused by a rounding error
        beyond = self._taken + more - limit - (0.5 if more else -1.0)
        return math.ceil(beyond * _MINUTE / limit) if beyond > 0 else 0

    def take(self, size: int) -> None:
        self._taken += size

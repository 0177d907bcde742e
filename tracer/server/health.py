"""Whether the process lives, and whether it can answer: for whatever restarts it or sends requests to it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from tracer._fault import logger
from tracer.server.answer import error_answer, json_answer
from tracer.server.question import Question, TooLateError

_STORE_SECONDS = 2.0


class Readiness:
    """Whether requests should be sent to this server."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.is_stopping = False
        self._question = Question(check)
        self._was_ready = True

    async def fault(self) -> str | None:
        """The reason why not; None if it is ready. The log has the cause, once for each time that it begins."""
        if self.is_stopping:
            return "the server is shutting down"
        reason, error = None, None
        try:
            await self._question.answer(_STORE_SECONDS)
        except TooLateError as slow:
            reason = str(slow)
        except Exception as fault:
            reason, error = "the store cannot be read", fault
        if self._was_ready and reason is not None:
            logger.warning("tracer server is not ready: %s", reason, exc_info=error)
        self._was_ready = reason is None
        return reason


async def health(request: Request) -> Response:
    """The process answers; the store is not asked."""
    return json_answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """The store answers, and the server is not shutting down; else status 503 with the reason."""
    readiness: Readiness = request.app.state.readiness
    fault = await readiness.fault()
    return json_answer({"status": "ready"}) if fault is None else error_answer(503, fault)

"""Whether the process lives, and whether it can answer: for whatever restarts it or sends requests to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._fault import logger
from tracer.server.answer import error_answer, json_answer

_STORE_SECONDS = 2.0


class Readiness:
    """Whether requests should be sent to this server."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.is_stopping = False
        self._check = check
        self._asked: asyncio.Task[Exception | None] | None = None
        self._was_ready = True

    async def fault(self) -> str | None:
        """The reason why not; None if it is ready. The log has the cause, once for each time that it begins."""
        if self.is_stopping:
            return "the server is shutting down"
        # one question at a time: a store that hangs takes one thread, however often this is asked
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(to_thread.run_sync(self._ask, abandon_on_cancel=True))
        done, _ = await asyncio.wait({self._asked}, timeout=_STORE_SECONDS)
        error = self._asked.result() if done else None
        is_ready = bool(done) and error is None
        reason = "the store cannot be read" if error else f"the store does not answer within {_STORE_SECONDS:g} s"
        if self._was_ready and not is_ready:
            logger.warning("tracer server is not ready: %s", reason, exc_info=error)
        self._was_ready = is_ready
        return None if is_ready else reason

    def _ask(self) -> Exception | None:
        try:
            self._check()
        except Exception as error:
            return error
        return None


async def health(request: Request) -> Response:
    """The process answers; the store is not asked."""
    return json_answer({"status": "ok"})


async def ready(request: Request) -> Response:
    """The store answers, and the server is not shutting down; else status 503 with the reason."""
    readiness: Readiness = request.app.state.readiness
    fault = await readiness.fault()
    return json_answer({"status": "ready"}) if fault is None else error_answer(503, fault)

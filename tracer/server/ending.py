"""The answer to requests that the server cannot complete before it ends."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracer.server.answer import error_answer
from tracer.server.health import Readiness


class Ending:
    """Answers 503 where uvicorn cancels a request at its end: its own answer is 500, which senders do not repeat."""

    def __init__(self, app: ASGIApp, readiness: Readiness) -> None:
        self._app = app
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if has_started or scope["type"] != "http" or not self._readiness.is_stopping:
                raise
            answer = error_answer(503, "the server is shutting down; it could not complete this")
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

"""Measures every request, refused ones too, for the figures and for the log."""

from __future__ import annotations

import time

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracer.server.logs import log_request
from tracer.server.metrics import Metrics

_NO_ROUTE = "none"


class Measured:
    """Measures from a request to the head of its answer; the answer of a live stream has no end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: list[BaseRoute], logs_requests: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = [route for route in routes if isinstance(route, Route)]
        self._patterns: dict[object, str] = {}
        for route in self._routes:
            self._patterns.setdefault(route.endpoint, route.path)
        self._logs_requests = logs_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, seconds = 500, None

        async def watched(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - started
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.in_flight -= 1
            seconds = time.perf_counter() - started if seconds is None else seconds
            route = self._pattern(scope)
            self._metrics.answered(scope["method"], route, status, seconds)
            if self._logs_requests:
                log_request(scope, route, status, seconds)

    def _pattern(self, scope: Scope) -> str:
        """The route's pattern: never a path, which may have texts of users in it."""
        found = self._patterns.get(scope.get("endpoint"))
        if found is not None:
            return found
        # refused before it was routed
        return next((route.path for route in self._routes if route.matches(scope)[0] is Match.FULL), _NO_ROUTE)

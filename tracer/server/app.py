"""The ASGI app: routes of operations, live updates, sign-in, OTLP and the page, behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tracer.server import live, signin
from tracer.server.alerts.routes import list_alerts
from tracer.server.alerts.rules import read_rules
from tracer.server.alerts.watching import Alerts
from tracer.server.answer import error_answer
from tracer.server.budget import BodyBudget
from tracer.server.endpoint import endpoint_for
from tracer.server.gate import Gate
from tracer.server.health import Readiness, health, ready
from tracer.server.heartbeats import Heartbeats
from tracer.server.indexer import Indexer
from tracer.server.measured import Measured
from tracer.server.metrics import Metrics, metrics
from tracer.server.model_files import take_part
from tracer.server.openapi import openapi
from tracer.server.operations import BASE, OPERATIONS
from tracer.server.otlp import drop_metrics, take_logs, take_spans
from tracer.server.page import page
from tracer.server.records import take_records
from tracer.server.retention import Retention
from tracer.server.settings import ServerSettings
from tracer.server.trying.routes import Tries, model_servers_of, try_again
from tracer.store import Store

_READERS = 16
_OPEN = (signin.server, signin.sign_in, signin.sign_out, health, ready)
_BODIES = 4  # of the largest size, in memory at once


def create_app(
    open_store: Callable[[], Store], settings: ServerSettings | None = None, *, place: str = "", read_only: bool = False
) -> Starlette:
    """The server as an ASGI app on the store from ``open_store``, which is called from any thread."""
    settings = settings or ServerSettings()
    routes, state = _routes(), State()
    figures = Metrics(state)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Measured, metrics=figures, routes=routes, logs_requests=settings.log_requests),
            Middleware(Gate, settings=settings, page=page, open_endpoints=_OPEN),
            Middleware(_Started),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=_lifespan,
    )
    app.state = state
    app.state.settings = settings
    app.state.metrics = figures
    app.state.readiness = Readiness(open_store)
    app.state.alerts = Alerts(read_rules(settings.alerts), open_store) if settings.alerts else None
    app.state.open_store = open_store
    app.state.place = place
    app.state.codes = signin.OneTimeCodes()
    app.state.is_read_only = read_only
    app.state.tries = Tries(app.state.settings)
    return app


def _routes() -> list[BaseRoute]:
    routes: list[BaseRoute] = [
        Route(f"{BASE}/server", signin.server),
        Route(f"{BASE}/sign-in", signin.sign_in, methods=["POST"]),
        Route(f"{BASE}/sign-out", signin.sign_out, methods=["POST"]),
        Route(f"{BASE}/events", live.events),
        Route(f"{BASE}/openapi.json", openapi),
        Route(f"{BASE}/alerts", list_alerts),
        Route(f"{BASE}/try-again", model_servers_of),
        Route(f"{BASE}/try-again", try_again, methods=["POST"]),
        Route(f"{BASE}/records", take_records, methods=["POST"]),
        Route(f"{BASE}/models/{{model_id}}/files/{{file:path}}", take_part, methods=["PUT"]),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics),
        Route("/v1/traces", take_spans, methods=["POST"]),
        Route("/v1/logs", take_logs, methods=["POST"]),
        Route("/v1/metrics", drop_metrics, methods=["POST"]),
        Route("/api/public/otel/v1/traces", take_spans, methods=["POST"]),  # where Langfuse's SDKs send theirs
    ]
    for operation in OPERATIONS:
        routes.append(Route(f"{BASE}{operation.path}", endpoint_for(operation), methods=[operation.method]))
    routes += [Route("/api/{path:path}", _nothing), Route("/v1/{path:path}", _nothing), Route("/{path:path}", page)]
    return routes


async def _nothing(request: Request) -> Response:
    return error_answer(404, f"there is nothing here; {BASE}/openapi.json says what there is")


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    _start(app)
    try:
        yield
    finally:
        _stop(app)
        await app.state.tries.close()


class _Started:
    """Starts what runs beside requests, if no lifespan did: nobody runs that of a mounted app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not hasattr(scope["app"].state, "live"):
            _start(scope["app"])
        await self._app(scope, receive, send)


def _start(app: Starlette) -> None:
    # within the event loop: limiters and events belong to it
    app.state.readers = CapacityLimiter(_READERS)
    app.state.writers = CapacityLimiter(app.state.open_store().appends_at_once)
    app.state.bodies = BodyBudget(_BODIES * app.state.settings.max_body_bytes)
    app.state.indexer = Indexer(app.state.open_store)
    app.state.indexer.start()
    app.state.heartbeats = Heartbeats(app.state.open_store, app.state.settings.heartbeat_timeout_seconds)
    app.state.heartbeats.start()
    app.state.retention = Retention(app.state.open_store)
    if not app.state.is_read_only:
        app.state.retention.start()
    app.state.live = live.Live(partial(_change_number, app.state.open_store))
    if app.state.alerts is not None:
        app.state.alerts.start()


def _stop(app: Starlette) -> None:
    app.state.live.close()
    if app.state.alerts is not None:
        app.state.alerts.stop()
    app.state.retention.stop()
    app.state.heartbeats.stop()
    app.state.indexer.stop()


def _change_number(open_store: Callable[[], Store]) -> int:
    return open_store().change_number()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, str(error.detail))

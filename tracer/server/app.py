"""The ASGI app: routes of operations, live updates, sign-in, OTLP and the page, behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tracer.server import signin
from tracer.server.access import OTHER_NEEDS, Needs
from tracer.server.alerts.routes import list_alerts, try_channel
from tracer.server.alerts.rules import read_rules
from tracer.server.alerts.state import state_of
from tracer.server.alerts.watching import Alerts
from tracer.server.answer import answer_for, error_answer
from tracer.server.budget import BodyBudget
from tracer.server.ending import Ending
from tracer.server.endpoint import endpoint_for
from tracer.server.events import events
from tracer.server.gate import Gate
from tracer.server.health import Readiness, health, ready
from tracer.server.measured import Measured
from tracer.server.metrics import Metrics, metrics
from tracer.server.model_files import take_part
from tracer.server.oidc.routes import begin_sign_in, end_sign_in
from tracer.server.oidc.signing_in import SignIn
from tracer.server.openapi import openapi
from tracer.server.operations import BASE, OPERATIONS
from tracer.server.otlp import drop_metrics, take_logs, take_spans
from tracer.server.page import page
from tracer.server.records import take_records
from tracer.server.served import SERVED
from tracer.server.settings import ServerSettings
from tracer.server.stores import CALLER, NEEDS, OneStore, Stores
from tracer.server.trying.routes import Tries, model_servers_of, try_again
from tracer.store import Store

_WITHOUT_LIMITS = ("key", "metrics", "admin")  # so that an administrator can see and change a limit that is reached
_TRIALS = 2  # of channels at once
_BODIES = 4  # of the largest size, in memory at once


def create_app(
    open_store: Callable[[], Store], settings: ServerSettings | None = None, *, place: str = "", read_only: bool = False
) -> Starlette:
    """The server as an ASGI app on the store from ``open_store``, which is called from any thread."""
    settings = settings or ServerSettings()
    alerts = None
    if settings.alerts:
        rules = read_rules(settings.alerts)
        alerts = Alerts(rules, lambda rule: nullcontext(open_store()), lambda: state_of(open_store().url))
    return create_app_of(OneStore(open_store, settings, place=place, is_read_only=read_only), settings, alerts)


def create_app_of(
    stores: Stores, settings: ServerSettings, alerts: Alerts | None = None, sign_in: SignIn | None = None
) -> Starlette:
    """The server as an ASGI app on these stores."""
    (routes, needs), state = _routes(), State()
    figures, readiness = Metrics(state), Readiness(stores.check)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Measured, metrics=figures, routes=routes, logs_requests=settings.log_requests),
            Middleware(Gate, settings=settings, stores=stores, linked=(page, end_sign_in), needs=needs),
            Middleware(Ending, readiness=readiness),
            Middleware(_Served, state=state),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=_lifespan,
    )
    app.state = state
    app.state.settings = settings
    app.state.stores = stores
    app.state.metrics = figures
    app.state.readiness = readiness
    app.state.alerts = alerts
    app.state.trials = CapacityLimiter(_TRIALS)
    app.state.sign_in = sign_in
    app.state.codes = signin.OneTimeCodes()
    app.state.tries = Tries(settings)
    app.state.bodies = BodyBudget(_BODIES * settings.max_body_bytes)
    app.state.is_started = False
    return app


def _routes() -> tuple[list[BaseRoute], Mapping[object, Needs]]:
    """The routes, and the roles that each endpoint needs."""
    routes = [
        Route(f"{BASE}/server", signin.server),
        Route(f"{BASE}/sign-in", signin.sign_in, methods=["POST"]),
        Route(f"{BASE}/sign-in/oidc", begin_sign_in),
        Route(f"{BASE}/sign-in/oidc/back", end_sign_in),
        Route(f"{BASE}/sign-out", signin.sign_out, methods=["POST"]),
        Route(f"{BASE}/events", events),
        Route(f"{BASE}/openapi.json", openapi),
        Route(f"{BASE}/alerts", list_alerts),
        Route(f"{BASE}/alerts/channels/{{channel}}/trial", try_channel, methods=["POST"]),
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
    others = [
        Route("/api/{path:path}", nothing_here),
        Route("/v1/{path:path}", nothing_here),
        Route("/{path:path}", page),
    ]
    needs: dict[object, Needs] = {route.endpoint: OTHER_NEEDS[route.endpoint.__name__] for route in (*routes, *others)}
    for operation in OPERATIONS:
        endpoint = endpoint_for(operation)
        needs[endpoint] = operation.needs
        routes.append(Route(f"{BASE}{operation.path}", endpoint, methods=[operation.method]))
    return [*routes, *others], needs


async def nothing_here(request: Request) -> Response:
    """The answer to a path without a route."""
    return error_answer(404, f"there is nothing here; {BASE}/openapi.json says what there is")


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    _start(app.state)
    try:
        yield
    finally:
        if app.state.alerts is not None:
            app.state.alerts.stop()
        app.state.stores.stop()
        await app.state.tries.close()


def _start(state: State) -> None:
    if state.is_started:
        return
    state.is_started = True
    state.stores.start()
    if state.alerts is not None:
        state.alerts.start()


class _Served:
    """Finds the store that a request is for; starts background work, since a mounted app's lifespan is not run."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller = scope.get(CALLER)
            try:
                _start(self._state)
                if caller is not None and scope[NEEDS] not in _WITHOUT_LIMITS:
                    receive = self._state.stores.admitted(caller, receive)
                if caller is not None:
                    scope[SERVED] = self._state.stores.served(caller)
            except Exception as error:
                await answer_for(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, str(error.detail))

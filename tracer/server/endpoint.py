"""The endpoint of an operation: reads query and body, runs the handler in a thread, responds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer.server.answer import answer_for, json_answer, takes_gzip
from tracer.server.body import read_json_object
from tracer.server.budget import HeldBytes
from tracer.server.operation import Call, Operation
from tracer.server.served import served
from tracer.server.stores import CALLER
from tracer.store.limits import time_limit

Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint_for(operation: Operation) -> Endpoint:
    """The endpoint that serves an operation."""

    async def endpoint(request: Request) -> Response:
        with request.app.state.bodies.body() as held:
            return await respond(request, held)

    async def respond(request: Request, held: HeldBytes) -> Response:
        state, store = request.app.state, served(request)
        try:
            query = operation.read_query(request.query_params.multi_items())
            body = await read_json_object(request, state.settings, held) if operation.body else {}
        except Exception as error:
            return answer_for(error)
        is_gzip_taken = takes_gzip(request)
        limiter = store.writers if operation.writes else store.readers
        path, caller = dict(request.path_params), request.scope[CALLER]

        def answer() -> Response:
            try:
                with time_limit(state.settings.query_seconds, work_seconds=state.settings.query_work_seconds):
                    result = operation.handler(Call(store.open_store(), state.stores, caller, path, query, body))
                if isinstance(result, Response):
                    return result
                if operation.result is None:
                    return Response(status_code=204)
                return json_answer(result, status=operation.status, is_gzip_taken=is_gzip_taken)
            except Exception as error:
                return answer_for(error)

        return await to_thread.run_sync(answer, limiter=limiter)

    return endpoint

"""The routes by which the page tries a call again. Off unless the server was started with it; each call costs money."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from anyio import CancelScope, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.semconv import PROMPT, TRIED_SPAN, TRIED_TRACE
from tracer.server.answer import AnswerError, answer_for, json_answer
from tracer.server.body import read_json_object
from tracer.server.served import served
from tracer.server.settings import ServerSettings
from tracer.server.trying.calling import Asked, ModelCall, new_client
from tracer.server.trying.dialects import DIALECTS
from tracer.server.trying.servers import ModelServer, model_servers
from tracer.store import Store

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 8
_HOUR_SECONDS = 3600.0
_MODEL_LIMIT = 300  # characters
_FIELDS = frozenset({"server", "dialect", "body", "trace_id", "span_id", "prompt"})
_PROMPT = re.compile(r"[^/:@]{1,250}/[1-9]\d{0,8}")


class Tries:
    """The servers that may be asked, the client that asks them, and how many calls are under way; of one event loop."""

    def __init__(self, settings: ServerSettings) -> None:
        self.is_on = settings.try_again
        self.servers: list[ModelServer] = model_servers(settings.try_endpoints) if self.is_on else []
        self.an_hour = settings.try_limit
        self.under_way = 0
        self._started: deque[float] = deque()
        self._client: httpx.AsyncClient | None = None

    def admit(self) -> None:
        """Count a call that begins now. Raises AnswerError where there are too many."""
        if self.under_way >= _AT_ONCE:
            raise AnswerError(429, f"{_AT_ONCE} calls are under way; try it when one of them is done")
        now = time.monotonic()
        while self._started and self._started[0] < now - _HOUR_SECONDS:
            self._started.popleft()
        if len(self._started) >= self.an_hour:
            raise AnswerError(
                429, f"this server makes {self.an_hour} calls an hour at most, and has made them; see --try-limit"
            )
        self._started.append(now)
        self.under_way += 1

    async def client(self) -> httpx.AsyncClient:
        """The HTTP client, made at the first call."""
        if self._client is None:
            made = await to_thread.run_sync(new_client, _AT_ONCE)
            self._client = self._client or made
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def server(self, url: object) -> ModelServer:
        """The server with this very URL. Raises AnswerError for any other."""
        for server in self.servers:
            if server.url == url:
                return server
        raise AnswerError(403, f"this server may not ask {url!r:.200}; --try-endpoint names what it may ask")


async def model_servers_of(request: Request) -> Response:
    """Whether calls can be tried again, and the servers that may be asked."""
    tries: Tries = request.app.state.tries
    return json_answer(
        {
            "on": tries.is_on,
            "servers": [
                {
                    "url": server.url,
                    "host": server.host,
                    "port": server.port,
                    "dialects": list(server.dialects),
                    "has_key": server.key_variable is not None,
                }
                for server in tries.servers
            ],
        }
    )


async def try_again(request: Request) -> Response:
    """Ask a model with this body, and send the reply on as it comes."""
    state, store = request.app.state, served(request)
    tries: Tries = state.tries
    try:
        if not tries.is_on:
            raise AnswerError(403, "this server was started without trying again; tracer ui --try-again has it")
        if store.is_read_only:
            raise AnswerError(403, "the store is read only: what a call brings could not be kept")
        with state.bodies.body() as held:
            given = await read_json_object(request, state.settings, held)
        call = await to_thread.run_sync(_call, given, tries, store.open_store, limiter=store.readers)
        client = await tries.client()
        tries.admit()
    except Exception as error:
        return answer_for(error)
    return _Passing(tries, call, client)


class _Passing(StreamingResponse):
    """The events of a call, which ends with the response: also when the page is closed."""

    def __init__(self, tries: Tries, call: ModelCall, client: httpx.AsyncClient) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self._tries = tries
        self._events = call.events(client)
        super().__init__(self._events, 200, headers, "text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._events.aclose()  # type: ignore[attr-defined]
            self._tries.under_way -= 1


def _call(given: JsonObject, tries: Tries, open_store: Callable[[], Store]) -> ModelCall:
    """The call that a request asks for. Raises InvalidArgumentError, AnswerError and TraceNotFoundError."""
    unknown = given.keys() - _FIELDS
    if unknown:
        raise InvalidArgumentError(f"unknown field {sorted(unknown)[0]!r:.40}; expected {', '.join(sorted(_FIELDS))}")
    server = tries.server(given.get("server"))
    dialect = given.get("dialect")
    if dialect not in DIALECTS or dialect not in server.dialects:
        raise InvalidArgumentError(
            f"dialect is {dialect!r:.40}; {server.url} is asked in one of {', '.join(server.dialects)}"
        )
    body = given.get("body")
    if not isinstance(body, dict):
        raise InvalidArgumentError("body is no object: the request as the API takes it")
    model = body.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= _MODEL_LIMIT:
        raise InvalidArgumentError("body has no model, whose name is a text")
    if not isinstance(body.get("stream", True), bool):
        raise InvalidArgumentError("body.stream is neither true nor false")
    store = open_store()
    return ModelCall(Asked(server, dialect, body, *_origin(given, store)), store)


def _origin(given: JsonObject, store: Store) -> tuple[dict[str, str], dict[str, str] | None, str | None]:
    """Metadata, link and experiment of the new trace: those of the call, or of the prompt, that it began with."""
    metadata: dict[str, str] = {}
    prompt = given.get("prompt")
    if prompt is not None:
        if not isinstance(prompt, str) or not _PROMPT.fullmatch(prompt):
            raise InvalidArgumentError(f"prompt is {prompt!r:.60}, expected name/version")
        metadata[PROMPT + prompt] = prompt
    trace_id, span_id = given.get("trace_id"), given.get("span_id")
    if trace_id is None:
        return metadata, None, None
    if not isinstance(trace_id, str) or not isinstance(span_id, str):
        raise InvalidArgumentError("trace_id and span_id are the texts of the call that this began with")
    stored = store.trace(trace_id)
    if stored is None or not any(span["span_id"] == span_id for span in stored.spans):
        raise TraceNotFoundError(f"no step {span_id[:40]!r} of a trace {trace_id[:40]!r} in the store")
    metadata.update({TRIED_TRACE: trace_id, TRIED_SPAN: span_id})
    return metadata, {"trace_id": trace_id, "span_id": span_id}, stored.row.experiment

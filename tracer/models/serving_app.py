"""A model behind OpenAI's HTTP API: a Starlette application."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tracer._api.configuration import flush
from tracer._api.tracing import set_tracing_context_from_http_request_headers
from tracer._json import JsonMapping, JsonObject
from tracer._json_size import VALUES_LIMIT, has_more_values
from tracer.models.chat import ChatCompletionResponse
from tracer.models.invocation import invocation_of
from tracer.models.joined_chunks import chunks_of
from tracer.models.loaded import LoadedModel
from tracer.models.plain_values import NotJsonError, to_json
from tracer.models.prediction import Prediction
from tracer.models.serving_answer import Answer
from tracer.models.serving_errors import RequestError, ending, error_of
from tracer.models.serving_thread import RequestThreads
from tracer.models.serving_wire import ChunkWire, EventWire, Wire
from tracer.models.shape import ValidationError
from tracer.server.gate import comes_from_elsewhere, is_known_host

Endpoint = Callable[[Request], Awaitable[Response]]
Shaped = Callable[[object], Any]  # makes the reply from the model's answer
TRACE_HEADER = "x-tracer-trace-id"
_IDLE_SECONDS = 5.0
_DEPTH_LIMIT = 200
_PARSED_IN_LOOP = 64 * 1024  # bytes; more is parsed in a thread, and other requests are answered meanwhile
_HUNG_UP = 499  # nginx's status for a client that has gone


@dataclass(frozen=True)
class Limits:
    """Limits of a server: seconds for an answer (of a stream: between its pieces), bytes of a body, threads, callers.

    A server without a key answers by its ``host``, IP addresses, localhost, and the names in ``allowed_hosts``.
    """

    timeout: float = 300.0
    max_body_bytes: int = 20_000_000
    threads: int = 40
    api_key: str | None = None
    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()


class ModelServer:
    """The endpoints of one model."""

    def __init__(self, model: LoadedModel, limits: Limits) -> None:
        self._model = model
        self._limits = limits
        self._started = int(time.time())
        self._threads: RequestThreads | None = None
        self._streams: set[asyncio.Future[None]] = set()  # that are being sent

    def app(self) -> Starlette:
        """The application; it may be mounted below another one's path."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
                Route("/v1/responses", self._guarded(self._responses), methods=["POST"]),
                Route("/v1/models", self._guarded(self._models)),
                Route("/v1/models/{name:path}", self._guarded(self._one_model)),
                Route("/invocations", self._guarded(self._invocations), methods=["POST"]),
                Route("/ping", self._open(self._alive)),
                Route("/health", self._open(self._alive)),
                Route("/version", self._version),
            ],
            middleware=[Middleware(_Callers, limits=self._limits)] if self._limits.api_key is None else [],
            exception_handlers={HTTPException: _http_error, Exception: _unexpected},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        if self._streams:  # time for the open streams to report that they are cut off
            await asyncio.wait(self._streams, timeout=_IDLE_SECONDS)
        if self._threads is not None:
            await self._threads.wait_idle(_IDLE_SECONDS)
        await asyncio.to_thread(flush)

    # ---- keys and bodies ----

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def checked(request: Request) -> Response:
            self._check_key(request)
            return await endpoint(request)

        return self._open(checked)

    def _open(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except RequestError as error:
                return error.response()
            except ClientDisconnect:  # while the body was read
                return Response(status_code=_HUNG_UP)

        return answer

    def _check_key(self, request: Request) -> None:
        wanted = self._limits.api_key
        if wanted is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # Starlette decodes headers as Latin-1
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), wanted.encode()):
            raise RequestError(
                401, "This server needs its API key: Authorization: Bearer <key>.", code="invalid_api_key"
            )

    async def _body(self, request: Request) -> object:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise RequestError(415, f"The body is {kind or 'of no type'}, expected Content-Type: application/json.")
        try:
            content = await asyncio.wait_for(self._content(request), self._limits.timeout)
        except asyncio.TimeoutError:
            raise RequestError(408, "The body did not come in time.", code="timeout") from None
        return _parsed(content) if len(content) <= _PARSED_IN_LOOP else await asyncio.to_thread(_parsed, content)

    async def _content(self, request: Request) -> bytes:
        limit = self._limits.max_body_bytes
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > limit:
                raise RequestError(413, f"The body has more than {limit} bytes.", code="request_too_large")
        return bytes(content)

    # ---- the endpoints ----

    async def _chat(self, request: Request) -> Response:
        body = await self._object(request, "{'messages': […]}")
        streamed = body.get("stream") is True
        if self._model.kind.name == "responses":
            raise _elsewhere("This model is a ResponsesAgent; ask it at /v1/responses.", "not_a_chat_model")
        if self._model.kind.name == "chat":
            return await self._answer(request, body, None, _as_it_is, streamed=streamed)
        params = {key: value for key, value in body.items() if key not in ("messages", "model", "stream")}
        data = {"messages": body.get("messages", [])}
        return await self._answer(request, data, params, _as_completion, streamed=streamed)

    async def _responses(self, request: Request) -> Response:
        body = await self._object(request, "{'input': …}")
        if self._model.kind.name != "responses":
            raise _elsewhere(
                "This model is no ResponsesAgent; ask it at /v1/chat/completions or /invocations.",
                "not_a_responses_agent",
            )
        return await self._answer(request, body, None, _as_it_is, streamed=body.get("stream") is True)

    async def _invocations(self, request: Request) -> Response:
        body = await self._body(request)
        try:
            asked = invocation_of(body, self._model.manifest)
        except ValidationError as error:
            raise error_of(error, None) from None
        kind = self._model.kind.name
        streamed = kind != "python" and isinstance(asked.data, dict) and asked.data.get("stream") is True
        shaped = _as_predictions if asked.is_wrapped and not streamed else _as_it_is
        return await self._answer(request, asked.data, asked.params, shaped, streamed=streamed)

    async def _object(self, request: Request, expected: str) -> JsonObject:
        body = await self._body(request)
        if not isinstance(body, dict):
            raise RequestError(400, f"The body is no JSON object, expected {expected}.")
        return body

    async def _models(self, request: Request) -> Response:
        return _json({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in (self._model.name, self._model.model_id):
            raise RequestError(404, f"The model {name!r} is not served here.", param="model", code="model_not_found")
        return _json(self._card())

    def _card(self) -> JsonObject:
        card = {"id": self._model.name, "object": "model", "created": self._started, "owned_by": "tracer"}
        return card if self._model.model_id is None else {**card, "version": self._model.model_id}

    async def _alive(self, request: Request) -> Response:
        if self._threads is not None and self._threads.is_stuck():
            raise RequestError(503, "All threads are busy with requests that have timed out.", type="server_error")
        return _json({"status": "ok"})

    async def _version(self, request: Request) -> Response:
        manifest = self._model.manifest
        return _json({"tracer": manifest.tracer, "model": self._model.name, "model_id": self._model.model_id})

    # ---- answering ----

    async def _answer(
        self, request: Request, data: object, params: JsonMapping | None, shaped: Shaped, *, streamed: bool
    ) -> Response:
        if self._threads is None:
            self._threads = RequestThreads(self._limits.threads)
        with set_tracing_context_from_http_request_headers(request.headers):
            prediction = self._model.begin()
        answer = Answer(self._model, prediction, self._threads, self._limits.timeout, streamed=streamed)
        trace_id = prediction.trace_id
        work = self._streamed if streamed else self._whole
        task = asyncio.ensure_future(work(answer, data, params, shaped, prediction))
        hung_up = asyncio.ensure_future(_hung_up(request.receive))
        try:
            await asyncio.wait({task, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientDisconnect
            response = task.result()
        except ClientDisconnect:
            await _leave(task, answer)
            return Response(status_code=_HUNG_UP)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            response = ending().response()
            prediction.fail(ending())
            await _leave(task, answer)
        except Exception as error:
            await answer.stop()
            response = error_of(error, trace_id).response()
        finally:
            hung_up.cancel()
        if trace_id is not None:
            response.headers[TRACE_HEADER] = trace_id
        return response

    async def _whole(
        self, answer: Answer, data: object, params: JsonMapping | None, shaped: Shaped, prediction: Prediction
    ) -> Response:
        output = await answer.whole(data, params)
        await answer.stop()
        if isinstance(output, dict) and output.get("object") in ("chat.completion", "response"):
            output.setdefault("model", self._model.name)
        return _json(shaped(output))

    async def _streamed(
        self, answer: Answer, data: object, params: JsonMapping | None, shaped: Shaped, prediction: Prediction
    ) -> Response:
        if self._model.kind.name != "python" or self._model.has_stream:
            pieces = answer.pieces(data, params)
        else:
            pieces = _one_by_one(chunks_of(shaped(await answer.whole(data, params))))
        first = await anext(pieces, None)  # an invalid request fails here, before the status is sent
        wire = self._wire(data, params)
        return _Events(self._events(answer, first, pieces, prediction, wire), answer, self._streams)

    def _wire(self, data: object, params: JsonMapping | None) -> Wire:
        if self._model.kind.name == "responses":
            return EventWire(self._model.name, data if isinstance(data, dict) else {})
        return ChunkWire(self._model.name, with_usage=_asks_for_usage(data if params is None else params))

    async def _events(
        self, answer: Answer, first: object, pieces: AsyncIterator[object], prediction: Prediction, wire: Wire
    ) -> AsyncIterator[bytes]:
        try:
            for part in wire.first():
                yield _event(part)
            if first is not None:
                for part in wire.completed(first):
                    yield _event(part)
                async for piece in pieces:
                    for part in wire.completed(piece):
                        yield _event(part)
            for part in wire.last():
                yield _event(part)
            yield b"data: [DONE]\n\n"
        except asyncio.CancelledError:
            if not answer.is_cut_off:
                raise
            prediction.fail(ending())
            yield _event(wire.failed(ending()))
        except Exception as error:
            yield _event(wire.failed(error_of(error, prediction.trace_id)))
        finally:
            await answer.stop()


class _Callers:
    """Refuses web pages of other sites, and names of other machines, by which a page may be rebound to this one."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._names = (limits.host, *limits.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._refusal(HTTPConnection(scope)) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        host = connection.headers.get("host", "")
        if not is_known_host(host, self._names):
            said = f"This server does not answer to the name {host[:100]!r}: start it with --allow-host, or an API key."
            return RequestError(403, said, code="unknown_host").response()
        if comes_from_elsewhere(connection, host):
            return RequestError(403, "The request comes from another site.", code="other_origin").response()
        return None


class _Events(StreamingResponse):
    """Server-sent events; the model's work ends when the client has them all, or has gone."""

    def __init__(self, events: AsyncIterator[bytes], answer: Answer, streams: set[asyncio.Future[None]]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._answer = answer
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self.stream_response(send))
        self._streams.add(sending)
        sending.add_done_callback(self._streams.discard)
        hung_up = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait({sending, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            self._answer.is_cut_off = True
        finally:
            hung_up.cancel()
            await _leave(sending, self._answer)


async def _one_by_one(pieces: Iterable[object]) -> AsyncIterator[object]:
    for piece in pieces:
        yield piece


def _asks_for_usage(request: object) -> bool:
    options = request.get("stream_options") if isinstance(request, dict) else None
    return isinstance(options, dict) and options.get("include_usage") is True


async def _hung_up(receive: Receive) -> None:
    """Return when the client has gone; the body has been read, so no other message comes."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _leave(task: asyncio.Future[Any], answer: Answer) -> None:
    task.cancel()
    await answer.stop()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _parsed(content: bytes) -> object:
    if has_more_values([content], VALUES_LIMIT):
        raise RequestError(413, f"The body has more than {VALUES_LIMIT} keys and values.", code="request_too_large")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"The body is no JSON: {error}.") from None
    if _is_deep(body, _DEPTH_LIMIT):
        raise RequestError(400, f"The body is nested deeper than {_DEPTH_LIMIT} levels.")
    return body


def _is_deep(value: object, limit: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return limit == 0 or any(_is_deep(part, limit - 1) for part in parts if isinstance(part, (dict, list)))


def _as_it_is(output: object) -> object:
    return output


def _as_predictions(output: object) -> object:
    return {"predictions": output}


def _elsewhere(message: str, code: str) -> RequestError:
    return RequestError(400, message, code=code)


def _as_completion(output: object) -> object:
    try:
        return ChatCompletionResponse.from_dict(output).to_dict()
    except ValidationError:
        raise RequestError(
            400, "This model gives no chat completions; ask it at /invocations.", code="not_a_chat_model"
        ) from None


def _json(value: object) -> Response:
    return Response(_encoded(value), media_type="application/json")


def _event(value: object) -> bytes:
    """A server-sent event; one of a response has its type as its name, too."""
    kind = value.get("type") if isinstance(value, dict) else None
    named = f"event: {kind}\n".encode() if isinstance(kind, str) else b""
    return named + b"data: " + _encoded(value) + b"\n\n"


def _encoded(value: object) -> bytes:
    try:
        return to_json(value)
    except NotJsonError as error:
        raise RequestError(500, f"The model's answer cannot be sent: {error}.", type="server_error") from None


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reasons = {404: "There is nothing at this path", 405: f"{request.method} is not possible at this path"}
    message = f"{reasons.get(status, 'The request failed')}: {request.url.path}."
    return RequestError(status, message, code="unknown_url" if status == 404 else None).response()


async def _unexpected(request: Request, error: Exception) -> Response:
    return error_of(error, None).response()

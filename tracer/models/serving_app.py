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
from tracer.models.joined_chunks import chunks_of
from tracer.models.loaded import LoadedModel
from tracer.models.loading import as_invocation
from tracer.models.plain_values import NotJsonError, to_json
from tracer.models.prediction import Prediction
from tracer.models.serving_answer import Answer
from tracer.models.serving_errors import RequestError, ending, error_of
from tracer.models.serving_thread import RequestThreads
from tracer.models.shape import ValidationError
from tracer.server.gate import comes_from_elsewhere, is_known_host

Endpoint = Callable[[Request], Awaitable[Response]]
Shaped = Callable[[object], Any]  # makes the reply from the model's answer
TRACE_HEADER = "x-tracer-trace-id"
_IDLE_SECONDS = 5.0
_DEPTH_LIMIT = 200
_PARSED_IN_LOOP = 64 * 1024  # bytes; more is parsed in a thread, and other requests are answered meanwhile
_HEAD_KEYS = {"id", "object", "created", "model", "choices"}
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
        if self._streams:  # they are cut off, and say so
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
        body = await self._body(request)
        if not isinstance(body, dict):
            raise RequestError(400, "The body is no JSON object, expected {'messages': […]}.")
        if self._model.is_chat:
            return await self._answer(request, body, None, _as_it_is, streamed=body.get("stream") is True)
        params = {key: value for key, value in body.items() if key not in ("messages", "model", "stream")}
        data = {"messages": body.get("messages", [])}
        return await self._answer(request, data, params, _as_completion, streamed=body.get("stream") is True)

    async def _invocations(self, request: Request) -> Response:
        try:
            data, params = as_invocation(await self._body(request))
        except ValidationError as error:
            raise error_of(error, None) from None
        if self._model.is_chat:
            streamed = isinstance(data, dict) and data.get("stream") is True
            return await self._answer(request, data, params, _as_it_is, streamed=streamed)
        return await self._answer(request, data, params, lambda output: {"predictions": output}, streamed=False)

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
        output = shaped(await answer.whole(data, params))
        await answer.stop()
        if isinstance(output, dict) and output.get("object") == "chat.completion":
            output.setdefault("model", self._model.name)
        return _json(output)

    async def _streamed(
        self, answer: Answer, data: object, params: JsonMapping | None, shaped: Shaped, prediction: Prediction
    ) -> Response:
        if self._model.is_chat or self._model.has_stream:
            pieces = answer.pieces(data, params)
        else:
            pieces = _one_by_one(chunks_of(shaped(await answer.whole(data, params))))
        first = await anext(pieces, None)  # an invalid request fails here, before the status is sent
        chunks = _Chunks(self._model.name, with_usage=_asks_for_usage(data if params is None else params))
        events = self._events(answer, first, pieces, prediction, chunks)
        return _Events(events, answer, self._streams)

    async def _events(
        self, answer: Answer, first: object, pieces: AsyncIterator[object], prediction: Prediction, chunks: _Chunks
    ) -> AsyncIterator[bytes]:
        try:
            if first is not None:
                for chunk in chunks.completed(first):
                    yield _event(chunk)
                async for piece in pieces:
                    for chunk in chunks.completed(piece):
                        yield _event(chunk)
            for chunk in chunks.last():
                yield _event(chunk)
            yield b"data: [DONE]\n\n"
        except asyncio.CancelledError:
            if not answer.is_cut_off:
                raise
            prediction.fail(ending())
            yield _event(ending().body)
        except Exception as error:
            yield _event(error_of(error, prediction.trace_id).body)
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


class _Chunks:
    """Completes a model's chunks as clients expect them: an id, a model, each role once, an end, usage if asked."""

    def __init__(self, model: str, *, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._usage: object = None
        self._head = {"id": ChatCompletionResponse.new_id(), "created": int(time.time()), "model": model}
        self._reasons: dict[int, str | None] = {}  # by choice: the reason to add at the end, None if the model gave one

    def completed(self, chunk: Any) -> list[object]:
        if isinstance(chunk, str):  # of a PythonModel
            delta = {"role": "assistant", "content": chunk}
            chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
        if not isinstance(chunk, dict) or chunk.get("object") != "chat.completion.chunk":
            return [chunk]
        self._head = {**self._head, **{key: chunk[key] for key in ("id", "model") if chunk.get(key)}}
        for choice in chunk["choices"]:
            index = choice.get("index", 0)
            if index in self._reasons:
                choice["delta"].pop("role", None)  # clients concatenate repeated fields
            calls = choice["delta"].get("tool_calls")
            known = self._reasons.setdefault(index, "stop")
            self._reasons[index] = None if choice.get("finish_reason") else "tool_calls" if calls else known
            choice.setdefault("finish_reason", None)
        self._usage = chunk.get("usage") or self._usage
        chunk = {key: value for key, value in chunk.items() if key != "usage"}
        if not chunk["choices"] and chunk.keys() <= _HEAD_KEYS:
            return []
        return [self._whole(chunk)]

    def last(self) -> list[JsonObject]:
        open_ones = [(index, reason) for index, reason in sorted(self._reasons.items()) if reason is not None]
        choices = [{"index": index, "delta": {}, "finish_reason": reason} for index, reason in open_ones]
        end = [self._whole({"choices": choices})] if choices else []
        if self._with_usage and self._usage is not None:
            end.append({**self._whole({"choices": []}), "usage": self._usage})
        return end

    def _whole(self, chunk: JsonObject) -> JsonObject:
        usage = {"usage": None} if self._with_usage else {}
        return {"object": "chat.completion.chunk", **chunk, **usage, **self._head}


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
    return b"data: " + _encoded(value) + b"\n\n"


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

"""The place of replays and recordings in httpx and httpx2: between a client and its connections.

What is above it is the SDK's and httpx's own: parsing, retries, redirects, hooks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tracer import semconv
from tracer._engine.context import running
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import JsonObject
from tracer._replay import bodies
from tracer._replay.cassette import Recorded
from tracer._replay.changes import changed
from tracer._replay.session import Headers, Recording, Session
from tracer._replay.traced_calls import WIRES
from tracer.errors import ReplayMismatchError

if TYPE_CHECKING:
    import httpx

# transports that lead to an app in this process, by the name of their class
_IN_PROCESS = frozenset({"ASGITransport", "WSGITransport", "MockTransport", "_TestClientTransport"})
_MODEL_IN_PATH = re.compile(r"/models/[^/:]+:")
_OF_BODY = frozenset({"content-length", "content-encoding", "transfer-encoding"})
_EXTENSIONS = {"http_version": b"HTTP/1.1"}


def wrapped(transport: Any, current: Callable[[], Session | None]) -> Any:
    """A client's transport, with the replay in front of it."""
    session = current()
    kinds = type(transport).__mro__
    if session is None or not _IN_PROCESS.isdisjoint(kind.__name__ for kind in kinds):
        return transport
    module = _module_of(kinds)
    return transport if module is None else _transports(module)[hasattr(transport, "handle_async_request")](
        transport, session
    )  # fmt: skip


def _module_of(kinds: tuple[type, ...]) -> Any:
    """The library whose transport this is: ``httpx`` or ``httpx2``."""
    for kind in kinds:
        package = kind.__module__.partition(".")[0]
        if package in ("httpx", "httpx2"):
            return sys.modules[package]
    return None


@lru_cache
def _transports(module: Any) -> tuple[type, type]:
    """The sync and the async transport of a library, which knows its own classes only."""
    http: type[Any] = module

    class Stream(http.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any, recording: Recording) -> None:
            self._stream, self._recording, self._is_complete = stream, recording, False

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._stream:
                    self._recording.take(chunk)
                    yield chunk
                self._is_complete = True
            except http.TransportError as error:
                self._recording.failed(error)
                raise

        def close(self) -> None:
            self._recording.ends(is_complete=self._is_complete)
            self._stream.close()

    class AsyncStream(http.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any, recording: Recording) -> None:
            self._stream, self._recording, self._is_complete = stream, recording, False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._stream:
                    self._recording.take(chunk)
                    yield chunk
                self._is_complete = True
            except http.TransportError as error:
                self._recording.failed(error)
                raise

        async def aclose(self) -> None:
            self._recording.ends(is_complete=self._is_complete)
            await self._stream.aclose()

    class Replayed(http.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, call: Recorded, session: Session) -> None:
            self._call, self._session = call, session

        def __iter__(self) -> Iterator[bytes]:
            for chunk, wait in _paced(self._call, self._session):
                if wait:
                    time.sleep(wait)
                yield chunk
            _end(self._call, self._session, http)

    class AsyncReplayed(http.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, call: Recorded, session: Session) -> None:
            self._call, self._session = call, session

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk, wait in _paced(self._call, self._session):
                if wait:
                    await _sleep(wait)
                yield chunk
            _end(self._call, self._session, http)

    class Transport(http.BaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, session: Session) -> None:
            self._inner, self._session = inner, session

        def handle_request(self, request: httpx.Request) -> Any:
            session = self._session
            asked = _request(request, request.read())
            call = session.answer(asked)
            if call is not None:
                _tell_of_replay()
                time.sleep(_before(call, session))
                return response(call, Replayed(call, session))
            if session.record is None:
                return self._inner.handle_request(with_changes(request, asked, session))
            recording = session.begin(asked, decode)
            try:
                answer = self._inner.handle_request(request)
            except Exception as error:
                recording.failed(error)
                recording.ends(is_complete=True)
                raise
            recording.begins(answer.status_code, _headers(answer))
            answer.stream = Stream(answer.stream, recording)
            return answer

    class AsyncTransport(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, session: Session) -> None:
            self._inner, self._session = inner, session

        async def handle_async_request(self, request: httpx.Request) -> Any:
            session = self._session
            asked = _request(request, await request.aread())
            call = session.answer(asked)
            if call is not None:
                _tell_of_replay()
                await _sleep(_before(call, session))
                return response(call, AsyncReplayed(call, session))
            if session.record is None:
                return await self._inner.handle_async_request(with_changes(request, asked, session))
            recording = session.begin(asked, decode)
            try:
                answer = await self._inner.handle_async_request(request)
            except Exception as error:
                recording.failed(error)
                recording.ends(is_complete=True)
                raise
            recording.begins(answer.status_code, _headers(answer))
            answer.stream = AsyncStream(answer.stream, recording)
            return answer

    def with_changes(request: httpx.Request, asked: JsonObject, session: Session) -> Any:
        body = session.changed(asked)
        if body is None:
            return request
        tell_of(session)
        url = str(request.url)
        if "model" in body and "model" not in asked["json"]:  # Gemini's path names it
            url = _MODEL_IN_PATH.sub(f"/models/{quote(str(body.pop('model')))}:", url)
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_BODY]
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return http.Request(request.method, url, headers=headers, content=content, extensions=request.extensions)

    def response(call: Recorded, stream: Any) -> Any:
        recorded = call.response
        if "status" not in recorded:
            raise _error(recorded["error"], http)
        headers = [(name, value) for name, value in recorded.get("headers", ())]
        return http.Response(recorded["status"], headers=headers, stream=stream, extensions=dict(_EXTENSIONS))

    def decode(headers: Headers, chunks: list[bytes]) -> list[bytes]:
        class Sent(http.SyncByteStream):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Iterator[bytes]:
                yield from chunks

        return list(http.Response(200, headers=list(headers), stream=Sent()).iter_bytes())

    return Transport, AsyncTransport


def _call_under_way() -> LiveSpan | None:
    """The span of the SDK's call that a request belongs to, if it is recorded."""
    span = running()
    return span if isinstance(span, LiveSpan) and span.instrumentation_scope.name in WIRES else None


def _tell_of_replay() -> None:
    """Let the span of the call say that nobody was asked, or paid."""
    with guard("recording a replayed call"):
        span = _call_under_way()
        if span is not None:
            span.set_attribute(semconv.REPLAYED, True)


def tell_of(session: Session) -> None:
    """Let the span of the call say what is sent."""
    with guard("recording a changed request"):
        span = _call_under_way()
        if span is not None and isinstance(span.inputs, dict):
            inputs = changed(span.inputs, session.changes)
            span.set_inputs(inputs)
            if isinstance(inputs.get("model"), str):
                span.set_attribute(semconv.REQUEST_MODEL, inputs["model"])


def _request(request: httpx.Request, content: bytes) -> JsonObject:
    body = bodies.request_body(content, request.headers.get("content-type", ""))
    return {"method": request.method, "url": str(request.url), **body}


def _headers(response: Any) -> Headers:
    encoding = response.headers.encoding
    return [(name.decode(encoding), value.decode(encoding)) for name, value in response.headers.raw]


def _before(call: Recorded, session: Session) -> float:
    """Seconds until the response begins."""
    return float(call.response.get("begins_ms", 0)) / 1000 if session.pace == "recorded" else 0


def _paced(call: Recorded, session: Session) -> Iterator[tuple[bytes, float]]:
    """The chunks of a response, each with the seconds to wait before it."""
    response = call.response
    before = response.get("begins_ms", 0)
    times = iter(response.get("chunk_times_ms", ()) if session.pace == "recorded" else ())
    for chunk in bodies.content_of(response):
        now = next(times, before)
        yield chunk, max(0, now - before) / 1000
        before = now


def _end(call: Recorded, session: Session, http: Any) -> None:
    response = call.response
    if "error" in response:
        raise _error(response["error"], http)
    if not response.get("is_complete", True):
        raise ReplayMismatchError(
            f"{session.name}, {call.place}: the reply was not read to its end when it was recorded, now the "
            "program reads on. Record it anew."
        )


def _error(recorded: JsonObject, http: Any) -> Exception:
    kind = getattr(http, recorded["type"], None)
    is_error = isinstance(kind, type) and issubclass(kind, http.TransportError)
    made: Exception = (kind if is_error else http.TransportError)(recorded["message"])  # type: ignore[misc]
    return made


async def _sleep(seconds: float) -> None:
    if not seconds:
        return
    trio = sys.modules.get("trio")
    with guard("looking for the event loop"):
        if trio is not None and trio.lowlevel.in_trio_run():
            await trio.sleep(seconds)
            return
    await asyncio.sleep(seconds)

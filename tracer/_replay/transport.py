"""The place of replays and recordings in httpx and httpx2: between a client and its connections.

The layers above it are the SDK's and httpx's own: parsing, retries, redirects, hooks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tracer._json import JsonObject
from tracer._replay import bodies
from tracer._replay.answering import (
    OF_BODY,
    begins_after,
    changed_request,
    is_decided,
    left_early,
    paced,
    sleep,
    tell_of_replay,
)  # fmt: skip
from tracer._replay.cassette import Recorded
from tracer._replay.session import Headers, Recording, Session
from tracer.provider.patch import Patch

if TYPE_CHECKING:
    import httpx

# transports that lead to an app in this process, by the name of their class
_IN_PROCESS = frozenset({"ASGITransport", "WSGITransport", "MockTransport", "_TestClientTransport"})
_EXTENSIONS = {"http_version": b"HTTP/1.1"}


def transport_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a client's method that chooses the transport of a URL."""

    def transport_for_url(client: Any, url: Any) -> Any:
        transport = original(client, url)
        return wrapped(transport, current) if patch.active else transport

    return transport_for_url


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
    """The sync and the async transport of a library, which accepts its own classes only."""
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
            for chunk, wait in paced(self._call, self._session):
                if wait:
                    time.sleep(wait)
                yield chunk
            _end(self._call, self._session, http)

    class AsyncReplayed(http.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, call: Recorded, session: Session) -> None:
            self._call, self._session = call, session

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk, wait in paced(self._call, self._session):
                if wait:
                    await sleep(wait)
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
                tell_of_replay()
                time.sleep(begins_after(call, session))
                return response(call, Replayed(call, session))
            if session.record is None:
                return sent(self._inner, with_changes(request, asked, session))
            recording = session.begin(asked, decode)
            try:
                answer = sent(self._inner, request)
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
                tell_of_replay()
                await sleep(begins_after(call, session))
                return response(call, AsyncReplayed(call, session))
            if session.record is None:
                return await sent_async(self._inner, with_changes(request, asked, session))
            recording = session.begin(asked, decode)
            try:
                answer = await sent_async(self._inner, request)
            except Exception as error:
                recording.failed(error)
                recording.ends(is_complete=True)
                raise
            recording.begins(answer.status_code, _headers(answer))
            answer.stream = AsyncStream(answer.stream, recording)
            return answer

    def with_changes(request: httpx.Request, asked: JsonObject, session: Session) -> Any:
        changed = changed_request(asked, session)
        if changed is None:
            return request
        headers = [(name, value) for name, value in request.headers.items() if name not in OF_BODY]
        return http.Request(
            request.method, changed[0], headers=headers, content=changed[1], extensions=request.extensions
        )

    def sent(transport: Any, request: Any) -> Any:
        token = is_decided.set(True)
        try:
            return transport.handle_request(request)
        finally:
            is_decided.reset(token)

    async def sent_async(transport: Any, request: Any) -> Any:
        token = is_decided.set(True)
        try:
            return await transport.handle_async_request(request)
        finally:
            is_decided.reset(token)

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


def _request(request: httpx.Request, content: bytes) -> JsonObject:
    body = bodies.request_body(content, request.headers.get("content-type", ""))
    return {"method": request.method, "url": str(request.url), **body}


def _headers(response: Any) -> Headers:
    encoding = response.headers.encoding
    return [(name.decode(encoding), value.decode(encoding)) for name, value in response.headers.raw]


def _end(call: Recorded, session: Session, http: Any) -> None:
    if "error" in call.response:
        raise _error(call.response["error"], http)
    error = left_early(call, session)
    if error is not None:
        raise error


def _error(recorded: JsonObject, http: Any) -> Exception:
    kind = getattr(http, recorded["type"], None)
    is_error = isinstance(kind, type) and issubclass(kind, http.TransportError)
    made: Exception = (kind if is_error else http.TransportError)(recorded["message"])  # type: ignore[misc]
    return made

"""The place of replays and recordings in aiohttp: between a session and its connections.

A recorded reply passes aiohttp's own parser as the bytes of a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from tracer._fault import guard
from tracer._json import JsonObject
from tracer._replay import bodies
from tracer._replay.answering import (
    OF_BODY,
    begins_after,
    changed_request,
    gives_credentials,
    is_decided,
    left_early,
    paced,
    tell_of_replay,
)  # fmt: skip
from tracer._replay.cassette import Recorded
from tracer._replay.session import Recording, Session
from tracer.provider.patch import Patch

_under_way: ContextVar[_Call | None] = ContextVar("_under_way", default=None)


class _Call:
    """A request of a session, with the redirects that it follows."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.recording: Recording | None = None
        self.answer: _Answer | None = None


def request_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a session's method for requests."""

    async def _request(*args: Any, **kwargs: Any) -> Any:
        session = current() if patch.active and not is_decided.get() else None
        if session is None:
            return await original(*args, **kwargs)
        call = _Call(session)
        token = _under_way.set(call)
        try:
            response = await original(*args, **kwargs)
        except Exception as error:
            if call.recording is not None:
                call.recording.failed(error, getattr(error, "strerror", None))
                call.recording.ends(is_complete=True)
            raise
        finally:
            _under_way.reset(token)
        if call.recording is not None:
            _tap(response, call.recording)
        if call.answer is not None:
            call.answer.reader = response.content
        return response

    return _request


def connect_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a connector's method that connects for a request."""

    async def connect(connector: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        call = _under_way.get()
        if call is None or call.recording is not None or gives_credentials(str(req.url)):
            return await original(connector, req, *args, **kwargs)
        session = call.session
        kind = req.headers.get("Content-Type", "")
        asked = {"method": req.method, "url": str(req.url), **bodies.request_body(await _content(req.body), kind)}
        found = session.answer(asked)
        if found is not None:
            tell_of_replay()
            await asyncio.sleep(begins_after(found, session))
            if "status" not in found.response:
                raise _error(found.response["error"], req)
            call.answer = _Answer(found, session, req.method)
            return _connection(connector, req, call.answer)
        if session.record is not None:
            call.recording = session.begin(asked)
        else:
            await _change(req, asked, session)
        return await original(connector, req, *args, **kwargs)

    return connect


async def _content(body: Any) -> bytes:
    if not body:
        return b""
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    with guard("reading a request's body"):
        return bytes(await body.as_bytes()) if hasattr(body, "as_bytes") else bytes(body._value)
    return b""


async def _change(req: Any, asked: JsonObject, session: Session) -> None:
    changed = changed_request(asked, session)
    if changed is None:
        return
    req.url = type(req.url)(changed[0], encoded=True)
    for name in OF_BODY:
        req.headers.pop(name, None)
    if hasattr(req, "update_body"):
        await req.update_body(changed[1])
    else:
        req.update_body_from_data(changed[1])


# ---- recording ----


def _tap(response: Any, recording: Recording) -> None:
    """Record a reply as it arrives: aiohttp has unpacked it by then, unless configured not to."""
    with guard("recording a response"):
        is_unpacked = getattr(response._session, "auto_decompress", True) and "Content-Encoding" in response.headers
        left_out = OF_BODY if is_unpacked else frozenset()
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in left_out]
        recording.begins(response.status, headers)
        reader = response.content
        if reader.total_bytes:
            recording.take(b"".join(reader._buffer))
        if reader.exception() is not None:
            recording.failed(reader.exception())
        if reader.is_eof() or reader.exception() is not None:
            recording.ends(is_complete=True)
            return
        reader.__class__ = _tapped(type(reader), recording)


def _tapped(kind: Any, recording: Recording) -> type:
    class Tapped(kind):  # type: ignore[misc]
        __slots__ = ()

        def feed_data(self, data: bytes, *given: Any) -> Any:
            recording.take(bytes(data))
            return super().feed_data(data, *given)

        def feed_eof(self) -> None:
            recording.ends(is_complete=True)
            super().feed_eof()

        def set_exception(self, exc: BaseException, *given: Any) -> None:
            if str(exc) == "Connection closed":  # by the program
                recording.ends(is_complete=False)
            else:
                recording.failed(exc)
                recording.ends(is_complete=True)
            super().set_exception(exc, *given)

    return Tapped


# ---- answering ----


class _Answer(asyncio.Transport):
    """The other side of a connection, which sends a recorded reply after a request."""

    def __init__(self, call: Recorded, session: Session, method: str) -> None:
        super().__init__()
        self.protocol: Any = None
        self.reader: Any = None  # of the reply, once it has begun
        self._call, self._session, self._method = call, session, method
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False
        self._may_send = asyncio.Event()
        self._may_send.set()

    def write(self, data: Any) -> None:
        """Start the reply; the request's bytes are not needed."""
        if self._task is None and not self._is_closing:
            self._task = asyncio.get_running_loop().create_task(self._send())

    def writelines(self, list_of_data: Any) -> None:
        """As `write`."""
        self.write(b"")

    async def _send(self) -> None:
        await asyncio.sleep(0)  # until the program waits for the reply
        response, receive = self._call.response, self.protocol.data_received
        chunks = list(paced(self._call, self._session))
        is_whole = "chunks" not in response and "error" not in response and response.get("is_complete", True)
        size = sum(len(chunk) for chunk, _ in chunks)
        has_body = self._method != "HEAD" and response["status"] not in (204, 304)
        sized = f"Content-Length: {size}" if is_whole else "Transfer-Encoding: chunked"
        kept = [f"{name}: {value}" for name, value in response.get("headers", ()) if name.lower() not in _OF_CONNECTION]
        packed = [f"{name}: {value}" for name, value in response.get("headers", ()) if name.lower() == "content-length"]
        lines = [f"HTTP/1.1 {response['status']} {_reason(response['status'])}", *kept]
        lines += [sized] if has_body else packed
        receive("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        if not has_body:
            return
        for chunk, wait in chunks:
            await asyncio.sleep(wait)
            await self._may_send.wait()
            if self._is_closing:
                return
            if chunk:
                receive(chunk if is_whole else b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await asyncio.sleep(0)
        if not is_whole and not self._is_closing:
            self._end(receive)

    def _end(self, receive: Callable[[bytes], None]) -> None:
        mismatch = left_early(self._call, self._session)
        if "error" in self._call.response:
            error = self._call.response["error"]
            self.protocol.connection_lost(_failure(error["type"], error["message"]))
        elif mismatch is not None:
            self._session.mismatch = self._session.mismatch or mismatch
            if self.reader is not None:
                self.reader.set_exception(mismatch)
        else:
            receive(b"0\r\n\r\n")

    def is_closing(self) -> bool:
        """Whether the program has closed the connection."""
        return self._is_closing

    def close(self) -> None:
        """Send no more."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()

    abort = close

    def pause_reading(self) -> None:
        """Hold back the rest of the reply."""
        self._may_send.clear()

    def resume_reading(self) -> None:
        """Go on."""
        self._may_send.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket."""
        return default


_OF_CONNECTION = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


def _reason(status: int) -> str:
    from http.client import responses

    return responses.get(status, "")


def _connection(connector: Any, req: Any, answer: _Answer) -> Any:
    """A connection that no pool takes."""
    connection: Any = import_module("aiohttp.connector").Connection

    class Answered(connection):  # type: ignore[misc]
        _protocol: Any

        def close(self) -> None:
            self._notify_release()
            protocol, self._protocol = self._protocol, None
            if protocol is not None:
                protocol.close()

        release = close

    loop = asyncio.get_running_loop()
    answer.protocol = import_module("aiohttp.client_proto").ResponseHandler(loop)
    answer.protocol.connection_made(answer)
    return Answered(connector, req.connection_key, answer.protocol, loop)


def _error(recorded: JsonObject, req: Any) -> Exception:
    kind, message = recorded["type"], recorded["message"]
    if "Timeout" not in kind and kind in ("ClientConnectorError", "ConnectError", "NewConnectionError"):
        made: Exception = import_module("aiohttp").ClientConnectorError(req.connection_key, OSError(None, message))
        return made
    return _failure(kind, message)


def _failure(kind: str, message: str) -> Exception:
    aiohttp: Any = import_module("aiohttp")
    if "Timeout" in kind:
        made: Exception = aiohttp.ServerTimeoutError(message)
    elif kind in ("ServerDisconnectedError", "RemoteProtocolError"):
        made = aiohttp.ServerDisconnectedError(message)
    else:
        made = aiohttp.ClientOSError(message)
    return made

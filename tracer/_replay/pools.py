"""The place of replays and recordings in urllib3: between a pool and its connections.

Only clients of SDKs are reached: urllib3 also carries requests unrelated to a test, such as reports to other services.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
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
from tracer._replay.session import Headers, Recording, Session
from tracer.provider.patch import Patch

_is_of_client: ContextVar[bool] = ContextVar("is_of_client", default=False)


def send_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a client's method that sends a request by way of a pool."""

    def send(*args: Any, **kwargs: Any) -> Any:
        token = _is_of_client.set(True)
        try:
            return original(*args, **kwargs)
        finally:
            _is_of_client.reset(token)

    return send


def urlopen_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a pool's method for requests."""

    def urlopen(
        pool: Any, method: str, url: str, body: Any = None, headers: Any = None, retries: Any = None, **given: Any
    ) -> Any:
        session = current() if patch.active and _is_of_client.get() and not is_decided.get() else None
        asked = None if session is None else _request(pool, method, url, body, headers)
        if session is None or asked is None:
            return original(pool, method, url, body, headers, retries, **given)
        call = session.answer(asked)
        if call is not None:
            tell_of_replay()
            time.sleep(begins_after(call, session))
            return _response(call, session, pool, method, url, retries, given)
        token = is_decided.set(True)  # a pool calls itself again
        try:
            if session.record is not None:
                recording = session.begin(asked, _decode)
                return _recorded(recording, lambda: original(pool, method, url, body, headers, retries, **given))
            changed = changed_request(asked, session)
            if changed is not None:
                body, headers = changed[1], {name: headers[name] for name in headers if name.lower() not in OF_BODY}
            return original(pool, method, url, body, headers, retries, **given)
        finally:
            is_decided.reset(token)

    return urlopen


def _request(pool: Any, method: str, url: str, body: Any, headers: Any) -> JsonObject | None:
    if "://" not in url:
        is_usual = pool.port in (None, {"http": 80, "https": 443}.get(pool.scheme))
        url = f"{pool.scheme}://{pool.host}{'' if is_usual else f':{pool.port}'}{url}"
    if gives_credentials(url):
        return None
    kind = next((value for name, value in (headers or {}).items() if name.lower() == "content-type"), "")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    return {"method": method, "url": url, **bodies.request_body(_content(body), kind)}


def _content(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    with guard("reading a request's body"):
        if hasattr(body, "read") and body.seekable():
            place = body.tell()
            content = body.read()
            body.seek(place)
            return content.encode() if isinstance(content, str) else bytes(content)
    return b""


# ---- recording ----


def _recorded(recording: Recording, send: Callable[[], Any]) -> Any:
    try:
        response = send()
    except Exception as error:
        reason = getattr(error, "reason", None)
        cause = reason if isinstance(reason, Exception) else error  # of urllib3's MaxRetryError
        recording.failed(cause, getattr(cause, "_message", None))
        recording.ends(is_complete=True)
        raise
    recording.begins(response.status, list(response.headers.items()))
    with guard("recording a response"):
        response.__class__ = _tapped(type(response))  # type: ignore[arg-type]
        response._recording = recording
    return response


@lru_cache
def _tapped(kind: type[Any]) -> type:
    """A response whose bytes are recorded as they are read, before they are unpacked."""
    from urllib3.util.response import is_fp_closed

    class Tapped(kind):  # type: ignore[misc]
        _recording: Recording
        _is_reading = False  # urllib3 closes a response when reading it fails

        def _fp_read(self, amt: int | None = None, **given: Any) -> bytes:
            content: bytes = self._tap(lambda: super(Tapped, self)._fp_read(amt, **given))
            if (not content and amt != 0) or amt is None or is_fp_closed(self._fp):
                self._recording.ends(is_complete=True)
            return content

        def _handle_chunk(self, amt: int | None) -> bytes:
            return self._tap(lambda: super(Tapped, self)._handle_chunk(amt))

        def read_chunked(self, *args: Any, **given: Any) -> Iterator[bytes]:
            chunks = super().read_chunked(*args, **given)
            while True:
                self._is_reading = True
                try:
                    chunk = next(chunks)
                except StopIteration:
                    break
                except Exception as error:
                    self._fail(error)
                    raise
                finally:
                    self._is_reading = False
                yield chunk
            self._recording.ends(is_complete=True)

        def _fail(self, error: Exception) -> None:
            self._recording.failed(error)
            self._recording.ends(is_complete=True)

        def _tap(self, read: Callable[[], bytes]) -> bytes:
            try:
                content = read()
            except Exception as error:
                self._fail(error)
                raise
            if content:
                self._recording.take(content)
            return content

        def close(self) -> None:
            if not self._is_reading:
                self._recording.ends(is_complete=False)
            super().close()

    Tapped.__name__, Tapped.__qualname__ = kind.__name__, kind.__qualname__
    return Tapped


def _decode(headers: Headers, chunks: list[bytes]) -> list[bytes]:
    from urllib3 import HTTPResponse

    packed = HTTPResponse(io.BytesIO(b"".join(chunks)), headers=dict(headers), preload_content=False)
    return list(packed.stream(decode_content=True))


# ---- answering ----


def _response(
    call: Recorded, session: Session, pool: Any, method: str, url: str, retries: Any, given: dict[str, Any]
) -> Any:
    from urllib3.util.retry import Retry

    recorded = call.response
    if "status" not in recorded:
        left = Retry.from_int(retries)
        error = _error(recorded["error"], pool, url)
        while True:  # raises when no try is left, as the client configured it
            left = left.increment(method, url, error=error, _pool=pool)
    headers = [(name, value) for name, value in recorded.get("headers", ()) if name.lower() != "transfer-encoding"]
    return _answered()(
        _Body(call, session),
        headers=_headers(headers),
        status=recorded["status"],
        version=11,
        preload_content=given.get("preload_content", True),
        decode_content=given.get("decode_content", True),
        request_method=method,
        request_url=url,
    )


@lru_cache
def _answered() -> Any:
    from urllib3 import HTTPResponse

    class Answered(HTTPResponse):
        def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Any:
            """Read chunk by chunk, as from a connection."""
            body: Any = self._fp
            while not body.closed:
                with self._error_catcher():
                    chunk = body.read(amt or 1 << 30)
                if chunk:
                    yield chunk

        read_chunked = stream

    return Answered


def _headers(items: Headers) -> Any:
    from urllib3._collections import HTTPHeaderDict

    headers = HTTPHeaderDict()
    for name, value in items:
        headers.add(name, value)
    return headers


def _error(recorded: JsonObject, pool: Any, url: str) -> Exception:
    from urllib3 import exceptions

    kind, message = recorded["type"], recorded["message"]
    if "Timeout" in kind:
        if "Connect" in kind:
            return exceptions.ConnectTimeoutError(pool, message)
        return exceptions.ReadTimeoutError(pool, url, message)
    if kind in ("NewConnectionError", "ConnectError", "ClientConnectorError"):
        return exceptions.NewConnectionError(pool, message)
    return exceptions.ProtocolError(message)


class _Body:
    """The body that a response reads: a recorded reply, chunk by chunk."""

    def __init__(self, call: Recorded, session: Session) -> None:
        self.closed = False
        self._call, self._session = call, session
        self._chunks = paced(call, session)
        self._rest = b""

    def read(self, amt: int | None = None) -> bytes:
        """The next chunk, or so much of it; without an amount all that is left."""
        if amt is None or amt < 0:
            return b"".join(iter(lambda: self.read(1 << 30), b""))
        if not self._rest and not self.closed:
            self._rest = self._next()
        found, self._rest = self._rest[:amt], self._rest[amt:]
        return found

    read1 = read

    def _next(self) -> bytes:
        for chunk, wait in self._chunks:
            if wait:
                time.sleep(wait)
            if chunk:
                return chunk
        self.close()
        error = self._call.response.get("error")
        if error is not None:
            raise TimeoutError(error["message"]) if "Timeout" in error["type"] else ConnectionError(error["message"])
        mismatch = left_early(self._call, self._session)
        if mismatch is not None:
            raise mismatch
        return b""

    def close(self) -> None:
        """End reading."""
        self.closed = True

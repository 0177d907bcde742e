"""Speaks HTTP with a tracer server: one connection a thread, kept open, made anew after a fork or a failure."""

from __future__ import annotations

import gzip
import http.client
import os
import threading
import zlib
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import orjson

from tracer._json import JsonObject
from tracer.config import checked_token
from tracer.errors import BusyServerError, ConflictError, InvalidArgumentError, NotAllowedError, StoreError

_TIMEOUT_SECONDS = 30.0
_WORTH_COMPRESSING = 4096
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BASE = "/api/v1"
_JSON = "application/json"
_IDLE_CONNECTIONS = 4
_FAILURES = (http.client.HTTPException, OSError, EOFError, zlib.error)
_DONE = 204
_BUSY = (429, 502, 503, 504)  # of the server, or of a proxy before it
_OF_THE_STORE = ("store_unavailable", "timeout")


@dataclass(frozen=True)
class Answer:
    """The answer of the server."""

    status: int
    media_type: str
    content: bytes
    location: str | None = None

    def json(self) -> JsonObject:
        """The content as a JSON object. Raises StoreError."""
        try:
            value = orjson.loads(self.content)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise StoreError("the answer is no JSON object; is this a tracer server?")
        return value


class UnknownOperationError(StoreError):
    """The server is of a version that does not know an operation."""


class Connection:
    """Requests to one server; safe to use from any thread."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._token = checked_token("token", token) if token else None
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._is_near = self._host in _LOOPBACK
        self._idle = _IdleConnections()

    def get(self, path: str, query: JsonObject | None = None, *, missing: bool = False) -> JsonObject | None:
        """A JSON answer; with ``missing`` None for a 404. Raises StoreError."""
        answer = self.request("GET", path, query, is_missing_fine=missing)
        return None if answer.status == 404 else answer.json()

    def send(self, path: str, body: JsonObject | None = None, *, missing: bool = False) -> Answer:
        """A POST of a JSON object; with ``missing`` its answer may be a 404. Raises StoreError."""
        content = _written(body or {})
        return self.request("POST", path, content=content, media_type=_JSON, is_missing_fine=missing)

    def change(self, path: str, body: JsonObject) -> JsonObject | None:
        """The JSON answer to a PATCH; None for a 404. Raises StoreError, ConflictError."""
        answer = self.request("PATCH", path, content=_written(body), media_type=_JSON, is_missing_fine=True)
        return None if answer.status == 404 else answer.json()

    def deliver(
        self,
        path: str,
        query: JsonObject | None = None,
        *,
        content: bytes = b"{}",
        media_type: str = _JSON,
        method: str = "POST",
    ) -> None:
        """A POST, or PUT, that the server has done when this returns. Raises StoreError."""
        answer = self.request(method, path, query, content=content, media_type=media_type)
        if answer.status != _DONE:  # a proxy's login page comes with a 200
            raise StoreError(f"{self.url} answered {answer.status} as no tracer server does; is the address right?")

    def request(
        self,
        method: str,
        path: str,
        query: JsonObject | None = None,
        *,
        content: bytes | None = None,
        media_type: str | None = None,
        is_missing_fine: bool = False,
    ) -> Answer:
        """The answer to a request, which is sent again once where a kept connection has been closed."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self._path}{_BASE}{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Accept-Encoding": "gzip", "User-Agent": "tracer"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if content is not None:
            headers["Content-Type"] = media_type or "application/octet-stream"
            if len(content) >= _WORTH_COMPRESSING and not self._is_near:
                content, headers["Content-Encoding"] = gzip.compress(content, 1), "gzip"
        answer = self._exchange(method, target, content, headers)
        if not 200 <= answer.status < 300 and not (answer.status == 404 and is_missing_fine):
            raise _error(answer, self.url, has_token=bool(self._token))
        return answer

    def _exchange(self, method: str, target: str, content: bytes | None, headers: dict[str, str]) -> Answer:
        connection = self._idle.take()
        if connection is not None:
            try:
                return self._ask(connection, method, target, content, headers)
            except TimeoutError as error:
                raise self._unreachable(error) from error
            except _FAILURES:
                pass  # closed meanwhile, most likely; every request can be made twice without harm
        try:
            return self._ask(self._new_connection(), method, target, content, headers)
        except _FAILURES as error:
            raise self._unreachable(error) from error

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        content: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        try:
            connection.request(method, target, content, headers)
            response = connection.getresponse()
            body = response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
        except BaseException:
            connection.close()
            raise
        self._idle.give_back(connection)
        return Answer(response.status, response.headers.get_content_type(), body, response.headers.get("Location"))

    def _new_connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=_TIMEOUT_SECONDS)

    def _unreachable(self, error: BaseException) -> StoreError:
        return StoreError(f"cannot reach the tracer server {self.url}: {error or type(error).__name__}")

    def close(self) -> None:
        """Close all connections."""
        self._idle.close()


class _IdleConnections:
    """Connections that wait for the next request, of whatever thread; those of before a fork are the parent's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._left_to_parent: list[http.client.HTTPConnection] = []
        self._pid = os.getpid()

    def take(self) -> http.client.HTTPConnection | None:
        """One of them, which is the caller's from then on."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._left_to_parent, self._idle, self._pid = [*self._left_to_parent, *self._idle], [], os.getpid()
        with self._lock:
            return self._idle.pop() if self._idle else None

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Let it wait, unless enough do."""
        with self._lock:
            if len(self._idle) < _IDLE_CONNECTIONS and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close them all."""
        while (connection := self.take()) is not None:
            connection.close()


def _written(body: JsonObject) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:  # such as a number of more than 64 bits
        raise InvalidArgumentError(f"this cannot be sent to a server: {error}") from None


def path_part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def _error(answer: Answer, url: str, *, has_token: bool) -> Exception:
    message = _message(answer)
    if answer.status == 400:
        return InvalidArgumentError(message)
    if answer.status == 409:
        return ConflictError(message)
    if answer.status == 401 and has_token:
        return StoreError(
            f"the tracer server {url} does not know the token that is given, or it was revoked: set TRACER_TOKEN, or"
            " configure(token=…), to one of this server"
        )
    if answer.status == 401:
        return StoreError(f"the tracer server {url} wants a token: set TRACER_TOKEN, or configure(token=…)")
    if answer.status in _BUSY and _code(answer) not in _OF_THE_STORE:
        return BusyServerError(f"the tracer server {url} takes nothing now ({answer.status}): {message}")
    if answer.status == 403:
        return NotAllowedError(f"the tracer server {url} refuses this: {message}")
    if answer.status == 405:
        return UnknownOperationError(f"the tracer server {url} is older than this tracer and does not know the request")
    if answer.location is not None:  # not followed: the token is for the address that was given
        return StoreError(f"{url} answered {answer.status} and names {answer.location[:200]}: give that address")
    return StoreError(f"the tracer server {url} answered {answer.status}: {message}")


def _message(answer: Answer) -> str:
    return _of_error(answer, "message") or answer.content[:200].decode("utf-8", "replace") or "nothing more"


def _code(answer: Answer) -> str | None:
    return _of_error(answer, "code")


def _of_error(answer: Answer, name: str) -> str | None:
    try:
        return str(orjson.loads(answer.content)["error"][name])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None

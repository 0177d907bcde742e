"""Reads the body of a request, compressed or not, within limits of size and time."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

import orjson
from starlette.requests import ClientDisconnect, Request

from tracer._json import JsonObject
from tracer._json_size import VALUES_LIMIT, has_more_values
from tracer._redaction.secrets import has_more_places
from tracer.errors import InvalidArgumentError
from tracer.server.answer import AnswerError
from tracer.server.budget import HeldBytes
from tracer.server.served import served
from tracer.server.settings import ServerSettings

RECORDS_LIMIT: Final = 10_000  # of one request; a journal's batch of 1 MiB has a few thousand
_ORIGINS_LIMIT = 1000  # resources and scopes; the spans of each resource are a transaction of their own
_PLACES_LIMIT = 250_000  # up to twenty microseconds each
_EVENTS_LIMIT = 100_000  # and links; with a name, a time and an attribute each, they are a million values
_WAITING_WRITERS = 32
_WAITING_SMALL = 512  # while all bodies in memory are as small together as this
_SMALL_TOGETHER = 4 << 20
_JSON_BYTES = 4 << 20  # a hundred thousand trace ids; parsed JSON takes a multiple of this
_JSON_VALUES = 250_000  # keys and values, of as many trace ids
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MEMBERS_LIMIT = 2000  # of gzip; tools that cut their output into members make one of 64 KiB or more
_UNPACKED_AT_ONCE = 16 * 1024  # bytes after a member's end are copied, so few may follow in one piece
_PARSED_IN_LOOP = 64 * 1024  # bytes; more is parsed in a thread, and other requests are answered meanwhile


def refuse_if_busy(request: Request) -> None:
    """Raise AnswerError if many writers are waiting: clients can keep their data longer than the server can.

    Small bodies are soon written, so that many may wait: a client that is refused comes back late, after others.
    """
    is_little = request.app.state.bodies.held < _SMALL_TOGETHER
    most = _WAITING_SMALL if is_little else _WAITING_WRITERS
    if served(request).writers.statistics().tasks_waiting >= most:
        raise AnswerError(503, "the server is busy; send it again a little later")


class Body:
    """A body as it was received, perhaps compressed."""

    def __init__(self, content: bytes, limit: int, *, is_packed: bool) -> None:
        self._content = content
        self._limit = limit
        self.is_packed = is_packed

    def __len__(self) -> int:
        return len(self._content)

    def take(self) -> bytes:
        """The content, decompressed; it can be taken once. Raises AnswerError if it is too large or damaged."""
        content, self._content = self._content, b""
        return unpacked(content, self._limit) if self.is_packed else content


async def read_body(request: Request, settings: ServerSettings, held: HeldBytes, *, limit: int | None = None) -> Body:
    """The whole body; its bytes are taken from the budget.

    Raises AnswerError if it is too large, too slow or of an unknown encoding, or if there is no room for it.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "deflate"):
        raise AnswerError(415, f"content-encoding {encoding[:40]!r} is not known here; expected gzip")
    limit = min(settings.max_body_bytes, limit or settings.max_body_bytes)
    announced = int(request.headers.get("content-length", "0"))
    if announced > limit:
        raise _too_large(limit)
    await held.grow_to(announced)  # at once: two that have half of their room would wait for each other
    try:
        content = await asyncio.wait_for(_received(request, limit, held), settings.receive_seconds)
    except asyncio.TimeoutError:
        raise AnswerError(408, f"the body did not come within {settings.receive_seconds:g} s") from None
    except ClientDisconnect:
        raise AnswerError(400, "the body did not come whole") from None
    return Body(content, limit, is_packed=encoding != "identity")


async def _received(request: Request, limit: int, held: HeldBytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        await held.grow_to(size)
        parts.append(part)
    return b"".join(parts)


def unpacked(content: bytes, limit: int) -> bytes:
    """Decompresses gzip (also of several members) or zlib. Raises AnswerError beyond the limit or for damaged data."""
    unpacker = _Unpacker(limit)
    try:
        for place in range(0, len(content), _UNPACKED_AT_ONCE):
            unpacker.take(content[place : place + _UNPACKED_AT_ONCE])
    except zlib.error as error:
        raise AnswerError(400, f"the body is not gzip: {error}") from None
    return unpacker.whole()


class _Unpacker:
    """Decompresses member by member, within bounds of their number and of the size of all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._members = 0
        self._member: zlib._Decompress | None = None
        self._parts: list[bytes] = []

    def take(self, content: bytes) -> None:
        """Decompress the next bytes. Raises AnswerError beyond the bounds."""
        while content:
            member = self._member or self._next_member()
            part = member.decompress(content, self._left + 1)
            self._left -= len(part)
            if self._left < 0:
                raise _too_large(self._limit)
            self._parts.append(part)
            content = member.unused_data
            self._member = None if member.eof else member

    def whole(self) -> bytes:
        """Everything. Raises AnswerError if it ends within a member."""
        if self._member is not None:
            raise AnswerError(400, "the compressed body ends too early")
        return b"".join(self._parts)

    def _next_member(self) -> zlib._Decompress:
        self._members += 1
        if self._members > _MEMBERS_LIMIT:
            raise AnswerError(413, f"the body has more than {_MEMBERS_LIMIT} gzip members")
        return zlib.decompressobj(_GZIP_OR_ZLIB)


def check_values(*texts: bytes, limit: int = VALUES_LIMIT) -> None:
    """Raise AnswerError for JSON texts with so many keys and values that they would take much time and memory."""
    if has_more_values(texts, limit):
        raise too_many(limit, "keys and values")


def check_places(content: bytes) -> None:
    """Raise AnswerError for a content with so many places at which a secret may begin that the search takes seconds."""
    if has_more_places(content, _PLACES_LIMIT):
        raise too_many(_PLACES_LIMIT, "places where a secret may be")


def check_spans(number: int, what: str = "spans") -> None:
    """Raise AnswerError for more spans, or log records, than one request may bring."""
    if number > RECORDS_LIMIT:
        raise too_many(RECORDS_LIMIT, what)


def check_origins(number: int) -> None:
    """Raise AnswerError for more resources and scopes than one request may bring."""
    if number > _ORIGINS_LIMIT:
        raise too_many(_ORIGINS_LIMIT, "resources and scopes")


def check_events(number: int) -> None:
    """Raise AnswerError for more events and links than one request may bring."""
    if number > _EVENTS_LIMIT:
        raise too_many(_EVENTS_LIMIT, "events and links")


def too_many(limit: int, what: str) -> AnswerError:
    """The error of a body that is small enough, but has too much in it."""
    return AnswerError(413, f"the body has more than {limit} {what}; send them in several requests")


async def read_json_object(
    request: Request, settings: ServerSettings, held: HeldBytes, *, limit: int = _JSON_BYTES
) -> JsonObject:
    """The body as a JSON object. Raises AnswerError or InvalidArgumentError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a page of another site can send a form or text/plain without a CORS preflight
    if media_type != "application/json":
        raise AnswerError(415, f"content-type is {media_type[:40]!r}, expected application/json")
    body = await read_body(request, settings, held, limit=limit)
    is_small = not body.is_packed and len(body) <= _PARSED_IN_LOOP
    try:
        value = _parsed(body) if is_small else await asyncio.to_thread(_parsed, body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidArgumentError("the body is JSON, but no object")
    return value


def _parsed(body: Body) -> object:
    content = body.take()
    check_values(content, limit=_JSON_VALUES)
    return orjson.loads(content)


def _too_large(limit: int) -> AnswerError:
    return AnswerError(413, f"the body is larger than {limit} bytes")

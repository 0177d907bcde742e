"""Reads the body of a request, compressed or not, within limits of size and time."""

from __future__ import annotations

import asyncio
import zlib

import orjson
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.server.answer import AnswerError
from tracer.server.settings import ServerSettings

_WAITING_WRITERS = 32
_JSON_BYTES = 4 << 20  # a hundred thousand trace ids; parsed JSON takes a multiple of this
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def refuse_if_busy(request: Request) -> None:
    """Raise AnswerError if many writers are waiting: clients can keep their data longer than the server can."""
    limiter: CapacityLimiter = request.app.state.writers
    if limiter.statistics().tasks_waiting >= _WAITING_WRITERS:
        raise AnswerError(503, "the server is busy; send it again a little later")


async def read_body(request: Request, settings: ServerSettings, *, limit: int | None = None) -> bytes:
    """The whole body, decompressed. Raises AnswerError if it is too large, too slow or of an unknown encoding."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "deflate"):
        raise AnswerError(415, f"content-encoding {encoding[:40]!r} is not known here; expected gzip")
    limit = min(settings.max_body_bytes, limit or settings.max_body_bytes)
    if int(request.headers.get("content-length", "0")) > limit:
        raise _too_large(limit)
    try:
        content = await asyncio.wait_for(_received(request, limit), settings.receive_seconds)
    except asyncio.TimeoutError:
        raise AnswerError(408, f"the body did not come within {settings.receive_seconds:g} s") from None
    except ClientDisconnect:
        raise AnswerError(400, "the body did not come whole") from None
    if encoding == "identity":
        return content
    return await asyncio.to_thread(unpacked, content, limit)


async def _received(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def unpacked(content: bytes, limit: int) -> bytes:
    """Decompresses gzip (also of several members) or zlib. Raises AnswerError beyond the limit or for damaged data."""
    parts: list[bytes] = []
    left = limit
    try:
        while content:
            unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
            part = unpacker.decompress(content, left + 1)
            left -= len(part)
            if left < 0:
                raise _too_large(limit)
            if not unpacker.eof:
                raise AnswerError(400, "the compressed body ends too early")
            parts.append(part)
            content = unpacker.unused_data
    except zlib.error as error:
        raise AnswerError(400, f"the body is not gzip: {error}") from None
    return b"".join(parts)


async def read_json_object(request: Request, settings: ServerSettings, *, limit: int = _JSON_BYTES) -> JsonObject:
    """The body as a JSON object. Raises AnswerError or InvalidArgumentError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a page of another site can send a form or text/plain without a CORS preflight
    if media_type != "application/json":
        raise AnswerError(415, f"content-type is {media_type[:40]!r}, expected application/json")
    try:
        value = orjson.loads(await read_body(request, settings, limit=limit))
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidArgumentError("the body is JSON, but no object")
    return value


def _too_large(limit: int) -> AnswerError:
    return AnswerError(413, f"the body is larger than {limit} bytes")

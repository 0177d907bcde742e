"""A reply's body: read at once, or as it passes; events one by one, any other body when it is complete."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Protocol

from tracer._encoding.media import media_type
from tracer._json import JsonObject, loads

_KEPT_LIMIT = 16 * 1024 * 1024
_BINARY = ("audio/", "image/", "video/", "application/octet-stream")
_MEDIA = ("audio/", "image/")
_JSON_LINES = frozenset({"application/stream+json", "application/x-ndjson", "application/jsonl"})
# binary; an SDK that decodes it below itself leaves the type as it was, and its body is lines of JSON
_DECODED = "application/vnd.amazon.eventstream"


class HttpResponse(Protocol):
    """The HTTP client's response: httpx's, or one that is like it."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


def content_type_of(response: HttpResponse) -> str:
    """The media type of an HTTP response's body, without parameters; empty if the header is missing."""
    return str(response.headers.get("content-type") or "").partition(";")[0].strip().lower()


def json_of(content: bytes) -> JsonObject | None:
    """The body as a JSON object, as nearly all are; else None."""
    try:
        return loads(content) if content.startswith(b"{") else None
    except ValueError:
        return None


def body_of(content: bytes, content_type: str = "") -> object:
    """A body as JSON, else text; of a binary body its size and type, with sound and images as data URLs."""
    if not content:
        return None
    if content_type.startswith(_BINARY):
        return _binary(content, content_type)
    try:
        return loads(content)
    except ValueError:
        pass
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _binary(content, content_type)


def _binary(content: bytes, content_type: str) -> JsonObject:
    kind = content_type if content_type.startswith(_MEDIA) else media_type(content) or content_type
    body = _sized(len(content), kind)
    if kind.startswith(_MEDIA) and len(content) <= _KEPT_LIMIT:
        body["content"] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return body


def _sized(size: int, content_type: str) -> JsonObject:
    return {"bytes": size, "content_type": content_type} if content_type else {"bytes": size}


def is_event_stream(start: bytes) -> bool | None:
    """Whether a body with this start is a stream of events; None while the start is too short to decide."""
    start = start[:256].lstrip(b"\xef\xbb\xbf\r\n \t")
    if len(start) < 6 and b"event:".startswith(start):
        return None
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


class BodyReader:
    """Splits a body into server-sent events while it arrives, or into lines of JSON.

    Source: the HTML standard, "Server-sent events". The first line decides whether the body is an event stream, as some
    servers leave out the content type.
    """

    __slots__ = ("_content_type", "_data", "_has_lines", "_kept", "_rest", "_size", "is_event_stream")

    def __init__(self, response: HttpResponse) -> None:
        self._content_type = content_type_of(response)
        self._has_lines = self._content_type in _JSON_LINES
        self.is_event_stream: bool | None = True if self._has_lines else None
        self._size = 0
        self._kept: list[bytes] = []
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> Iterator[bytes]:
        """The data of the events that are complete now."""
        if self.is_event_stream is None and self._content_type == _DECODED and received.startswith(b"{"):
            self._has_lines = self.is_event_stream = True
        if self.is_event_stream is None:
            self.is_event_stream = is_event_stream(b"".join([*self._kept, received]))
        if not self.is_event_stream:
            self._keep(received)
            return
        if self._kept:
            received, self._kept = b"".join([*self._kept, received]), []
        yield from self._events_in(received)

    def _keep(self, received: bytes) -> None:
        self._size += len(received)
        if self._size <= _KEPT_LIMIT and not self._content_type.startswith(_BINARY):
            self._kept.append(received)
        else:
            self._kept = []

    def _events_in(self, received: bytes) -> Iterator[bytes]:
        text = (self._rest + received).replace(b"\r\n", b"\n")
        self._rest = b""
        if text.endswith(b"\r"):  # the other half of a line end may follow
            self._rest, text = b"\r", text[:-1]
        lines = text.replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + self._rest
        for line in lines:
            if self._has_lines:
                if line.strip():
                    yield line
            elif line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                yield data

    def rest(self) -> Iterator[bytes]:
        """The last line of JSON, where nothing ends it; an event that is not ended does not count."""
        rest, self._rest = self._rest.strip(), b""
        if self._has_lines and rest:
            yield rest

    def body(self) -> tuple[object, bool | None]:
        """The part that was kept of a body without events, and whether that is all of it, if known."""
        if not self._size:
            return None, None
        if not self._kept:
            return _sized(self._size, self._content_type), None
        body = body_of(b"".join(self._kept), self._content_type)
        return body, isinstance(body, (dict, list)) or None

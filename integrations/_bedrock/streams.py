"""Results of a call that are read later: streams of events, and bodies, both of which stay the SDK's own objects."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tracer._fault import guard
from tracer._json import Fragment, JsonObject, encode, loads
from tracer.provider.streams import keep_until_dropped, watch_iterator

from .._values import as_dict, as_text

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording

EventOf = Callable[[str, bytes], bytes]  # the JSON of an event, by its type and its payload
_FAILURES = frozenset({"exception", "error"})


def watch_events(recording: CallRecording, stream: Any, event_of: EventOf) -> None:
    """Watch an event stream below the SDK's parser: each event is kept as it was sent."""
    recording.start_accumulating()
    watch_iterator(stream, "_event_generator", _EventWatcher(recording, stream._operation_name, event_of))


class _EventWatcher:
    """Passes events on as JSON. An event that is an error ends the stream, as the SDK raises it next."""

    def __init__(self, recording: CallRecording, operation: str, event_of: EventOf) -> None:
        self._recording = recording
        self._operation = operation
        self._event_of = event_of
        self.finished = recording.finished
        self.failed = recording.failed
        self.closed = recording.closed
        self.dropped = recording.dropped

    def chunk(self, message: Any) -> None:
        with guard("reading an event"):
            headers = message.headers
            if headers.get(":message-type") in _FAILURES:
                self.failed(_error_of(headers, message.payload, self._operation))
                return
            self._recording.chunk(Fragment(self._event_of(str(headers.get(":event-type")), message.payload or b"{}")))


def event(kind: str, payload: bytes) -> bytes:
    """An event under its name."""
    return b'{"%b":%b}' % (kind.encode(), payload)


def models_event(kind: str, payload: bytes) -> bytes:
    """An event of invoke_model's: the chunk of the model's own that it holds."""
    content, fields = _content_of(payload) if kind == "chunk" else (b"", {})
    if content.startswith(b"{"):
        return content
    return encode({kind: {**fields, "bytes": content.decode(errors="replace")}}) if content else event(kind, payload)


def agents_event(kind: str, payload: bytes) -> bytes:
    """An event of an agent's, whose text is in bytes."""
    if kind != "chunk":
        return event(kind, payload)
    content, fields = _content_of(payload)
    return encode({kind: {**fields, "bytes": content.decode(errors="replace")}})


def _content_of(payload: bytes) -> tuple[bytes, JsonObject]:
    fields = as_dict(loads(payload))
    return base64.b64decode(as_text(fields.get("bytes")) or ""), fields


def _error_of(headers: Mapping[str, Any], payload: bytes, operation: str) -> BaseException:
    """The exception that the SDK makes of such an event."""
    from botocore.exceptions import EventStreamError  # type: ignore[import-not-found, unused-ignore]  # loaded already

    try:
        fields = as_dict(loads(payload or b"{}"))
    except ValueError:
        fields = {}
    code = headers.get(":exception-type") or headers.get(":error-code")
    message = fields.get("message") or fields.get("Message") or headers.get(":error-message") or ""
    error: BaseException = EventStreamError({"Error": {"Code": code, "Message": message}}, operation)
    return error


class Response:
    """Status and headers of a reply, from the SDK's account of it."""

    def __init__(self, metadata: JsonObject) -> None:
        status = metadata.get("HTTPStatusCode")
        self.status_code = status if isinstance(status, int) else 200
        self.headers: JsonObject = as_dict(metadata.get("HTTPHeaders"))


def watch_body(recording: CallRecording, body: Any, response: Response) -> None:
    """Watch a body that the user reads, in whatever way, sync or async."""
    recording.expect_body(response)
    length = as_text(response.headers.get("content-length"))
    watcher = _BodyWatcher(recording, int(length) if length and length.isdecimal() else None)
    if not is_asynchronous(body):
        watcher.watch(body)
    elif hasattr(body, "_raw_stream"):
        watcher.watch_async(body)
    else:
        watcher.watch_content(body.__wrapped__)
    keep_until_dropped(body, recording)


def is_asynchronous(body: object) -> bool:
    """Whether a body is read by awaiting."""
    return inspect.iscoroutinefunction(getattr(type(body), "read", None))


class _BodyWatcher:
    """Feeds a recording with the bytes read from a body, which has only its own methods again at its end."""

    def __init__(self, recording: CallRecording, length: int | None) -> None:
        self._recording = recording
        self._left = length  # bytes to come, if known
        self._depth = 0  # reads under way: readinto reads by read
        self._undo: list[Callable[[], object]] = []

    def watch(self, body: Any) -> None:
        # the body reads from the stream below, which is also the value of `with body`
        below = body._raw_stream
        is_fed_below = hasattr(below, "__dict__")
        if is_fed_below:
            self._replace(below, "read", self._reading, feeds=True)
        for name in ("read", "readinto"):
            self._replace(body, name, self._reading, feeds=not is_fed_below)
        self._replace(body, "close", self._closing)

    def watch_async(self, body: Any) -> None:
        for name in ("read", "readinto"):
            self._replace(body, name, self._reading_async, feeds=True)
        self._replace(body, "close", self._closing)

    def watch_content(self, response: Any) -> None:
        """Watch the stream below aiohttp's response, in older versions whose bodies are proxies of it."""
        content = response.content
        response.content = _WatchedContent(content, self._reading_async)
        self._undo.append(lambda: setattr(response, "content", content))
        self._replace(response, "close", self._closing)

    def _replace(self, holder: Any, name: str, around: Callable[..., Any], **more: Any) -> None:
        """Put a method around the one of its class on an object, which it keeps alive until the end."""
        method = getattr(holder, name, None)
        if method is None:  # an older version has no readinto
            return

        def replaced(*given: Any, **named: Any) -> Any:
            return around(method, given, named, **more)

        setattr(holder, name, replaced)
        self._undo.append(lambda: vars(holder).pop(name, None))

    def _restore(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _failed(self, error: BaseException) -> None:
        self._recording.failed(error)
        self._restore()

    def _reading(self, method: Callable[..., Any], given: tuple[Any, ...], named: JsonObject, *, feeds: bool) -> Any:
        self._depth += 1
        try:
            received = method(*given, **named)
        except BaseException as error:
            if self._depth == 1:  # the SDK makes an error of its own of those of the stream below
                self._failed(error)
            raise
        finally:
            self._depth -= 1
        self._received(received, given, named, feeds=feeds)
        return received

    async def _reading_async(
        self, method: Callable[..., Any], given: tuple[Any, ...], named: JsonObject, *, feeds: bool
    ) -> Any:
        try:
            received = await method(*given, **named)
        except BaseException as error:
            self._failed(error)
            raise
        self._received(received, given, named, feeds=feeds)
        return received

    def _received(self, received: Any, given: tuple[Any, ...], named: JsonObject, *, feeds: bool) -> None:
        with guard("reading a body"):
            asked = given[0] if given else next(iter(named.values()), None)
            if isinstance(received, int):  # bytes, which are in the user's buffer
                received = bytes(memoryview(asked)[:received]) if asked is not None else b""
            if feeds:
                self._recording.feed(bytes(received))
                if self._left is not None:
                    self._left -= len(received)
            wants_all = asked is None or (isinstance(asked, int) and asked < 0)
            is_at_end = wants_all or self._left == 0 or (not received and asked != 0)
            if is_at_end and not self._depth:
                self._recording.finished()
                self._restore()

    def _closing(self, method: Callable[..., Any], given: tuple[Any, ...], named: JsonObject) -> Any:
        self._recording.closed()
        self._restore()
        return method(*given, **named)


class _WatchedContent:
    """The content of aiohttp's response, whose reads are watched."""

    def __init__(self, content: Any, reading: Callable[..., Any]) -> None:
        self._content = content
        self._reading = reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def read(self, n: int = -1) -> Any:
        """The bytes that are asked for."""
        return await self._reading(self._content.read, (n,), {}, feeds=True)

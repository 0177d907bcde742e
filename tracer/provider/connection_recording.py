"""A connection over which many requests and replies pass: one span for it, and one below it for each reply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from types import MethodType
from typing import TYPE_CHECKING

from tracer import semconv
from tracer._fault import report
from tracer._json import JsonObject, encode, loads
from tracer.messages import to_messages
from tracer.provider.call_recording import NOT_RECORDED, CallObserver, CallRecording
from tracer.provider.connection import Connection
from tracer.provider.operation import Attributes, Call
from tracer.provider.streams import keep_until_dropped
from tracer.provider.wrappers import around

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

_ERROR_EVENT = "error"
# exceptions with which a connection ends as intended
_GOOD_ENDS = frozenset({"ConnectionClosedOK", "CancelledError", "TimeoutError", "EOFError", "GeneratorExit"})

StartReply = Callable[[Call, "AnySpan"], CallObserver]  # of a call, below the span of its connection


class ConnectionRecording:
    """A connection that is being recorded. Its methods never raise; the first end wins."""

    def __init__(self, span: AnySpan, opened: Connection, start_reply: StartReply) -> None:
        self.span = span
        self._reader = opened.reader
        self._start_reply = start_reply
        self._replies: dict[Hashable, CallRecording] = {}
        self._error: BaseException | None = None
        self._is_open = True
        self._messages = threading.RLock()  # one thread may send while another receives

    # ---- called by the reader ----

    def begin(self, key: Hashable, call: Call) -> None:
        """A reply was requested, or has begun."""
        recording = self._start_reply(call, self.span)
        if isinstance(recording, CallRecording):
            recording.start_accumulating()
            self._replies[key] = recording

    def has(self, key: Hashable) -> bool:
        """Whether a reply has begun and has not ended."""
        return key in self._replies

    def chunk(self, key: Hashable, chunk: object) -> None:
        """A piece of a reply was received."""
        if key in self._replies:
            self._replies[key].chunk(chunk)

    def finish(self, key: Hashable, body: object = None) -> None:
        """A reply is complete; ``body`` is its final request, where it has changed."""
        recording = self._replies.pop(key, None)
        if recording is not None:
            if body is not None:
                recording.update_request(body)
            recording.finished()

    def set_attributes(self, attributes: Attributes) -> None:
        """Set attributes of the connection's span."""
        self.span.set_attributes(attributes)

    def configured(self, settings: object) -> None:
        """Record the connection's settings as inputs."""
        self.span.set_inputs(settings)

    def error(self, details: Mapping[str, object]) -> None:
        """The provider reported an error that does not end the connection."""
        kind = str(details.get("code") or details.get("type") or "error")
        message = str(details.get("message") or kind)
        self.span.add_event(_ERROR_EVENT, {semconv.ERROR_TYPE: kind, "message": message})

    # ---- called by the watched connection ----

    def sent(self, message: object) -> None:
        """The program sends a message."""
        self._read(self._reader.sent, message)

    def received(self, message: object) -> None:
        """The program has received a message."""
        self._error = None
        self._read(self._reader.received, message)

    def _read(self, read: Callable[[JsonObject, ConnectionRecording], None], message: object) -> None:
        if not self._is_open:
            return
        try:
            plain = loads(message if isinstance(message, (bytes, str)) else encode(message))
            if isinstance(plain, dict):
                with self._messages:
                    read(plain, self)
        except ValueError:  # binary frames
            pass
        except Exception as fault:
            report("reading a message of a connection", fault)

    def failed(self, error: BaseException) -> None:
        """Receiving raised. The SDK may reconnect; if it does not, it closes the connection."""
        if type(error).__name__ in _GOOD_ENDS:
            return
        self._error = error
        with self._messages:
            replies, self._replies = self._replies, {}
        for recording in replies.values():
            recording.failed(error)

    def closed(self) -> None:
        """The program has closed the connection."""
        self._end(CallRecording.closed)

    def dropped(self) -> None:
        """The connection was collected without being closed, or the program has ended."""
        if self._is_open:
            self.span.set_attribute(semconv.INCOMPLETE, "dropped")
        self._end(CallRecording.dropped)

    def _end(self, end_reply: Callable[[CallRecording], None]) -> None:
        try:
            with self._messages:
                if not self._is_open:
                    return
                self._is_open = False
            for recording in self._replies.values():
                end_reply(recording)
            conversation = self._reader.conversation()
            if conversation:
                self.span.set_outputs(conversation)
                self.span.set_json(semconv.OUTPUT_MESSAGES, to_messages(conversation))
        except Exception as fault:
            report("recording a conversation", fault)
        try:
            if self._error is None:
                self.span.end()
            else:
                self.span.end_with_error(self._error)
        except Exception as fault:
            report("ending a connection's span", fault)


def watch_connection(connection: object, recording: ConnectionRecording) -> None:
    """Observe the messages of an SDK's connection and its end; the behaviour of its methods does not change."""
    kind = type(connection)
    receiving, closing = _Receiving(recording), _Closing(recording)

    def send(args: tuple[object, ...], kwargs: dict[str, object]) -> CallObserver:
        recording.sent(args[0] if args else next(iter(kwargs.values()), None))
        return NOT_RECORDED

    for name, begin in (
        ("recv_bytes", lambda args, kwargs: receiving),
        ("_send" if hasattr(kind, "_send") else "send", send),
        ("close", lambda args, kwargs: closing),
    ):
        setattr(connection, name, around(MethodType(getattr(kind, name), connection), begin))
    keep_until_dropped(connection, recording)


class _Receiving:
    """Observes calls that wait for a message."""

    __slots__ = ("_recording",)

    changed: Mapping[str, object] = {}

    def __init__(self, recording: ConnectionRecording) -> None:
        self._recording = recording

    def enter(self) -> None:
        """Does nothing: no message has been received yet."""

    def returned(self, result: object) -> object:
        self._recording.received(result)
        return result

    def raised(self, error: BaseException) -> None:
        self._recording.failed(error)


class _Closing:
    """Observes calls that close the connection."""

    __slots__ = ("_recording",)

    changed: Mapping[str, object] = {}

    def __init__(self, recording: ConnectionRecording) -> None:
        self._recording = recording

    def enter(self) -> None:
        """A message may still be received."""

    def returned(self, result: object) -> object:
        self._recording.closed()
        return result

    def raised(self, error: BaseException) -> None:
        self._recording.closed()

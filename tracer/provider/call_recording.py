"""The recording of one call to a provider: from the door, over the result, to the span's end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import SpanKind

from tracer import semconv
from tracer._engine import limits
from tracer._engine.context import restore, suppressed
from tracer._engine.runtime import runtime
from tracer._fault import guard, report, reraise_interruption
from tracer._json import encode, loads
from tracer._records.derive import set_reply, set_request
from tracer.provider import streams
from tracer.provider.body import BodyReader, HttpResponse, body_of, content_type_of, is_event_stream, json_of
from tracer.provider.chunk_log import ChunkLog
from tracer.provider.hidden_chunks import hide
from tracer.provider.operation import Attributes, Call, Operation, ReadError, Request

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan
    from tracer._engine.span import LiveSpan
    from tracer.provider.doors import Door

_REFUSED = 400  # HTTP statuses from here on

current_recording: ContextVar[CallRecording | None] = ContextVar("tracer_current_recording", default=None)


class CallObserver(Protocol):
    """Receives the begin and the end of a wrapped method's call, recorded or not. Its methods never raise."""

    @property
    def changed(self) -> Mapping[str, object]:
        """Arguments that replace the user's."""
        ...

    def enter(self) -> None:
        """The method is called next."""
        ...

    def returned(self, result: object) -> object:
        """The method returned; the user gets the result of this."""
        ...

    def raised(self, error: BaseException) -> None:
        """The method raised."""
        ...


class CallRecording:
    """A call that is being recorded. Its methods never raise; the first end wins."""

    __slots__ = (
        "__weakref__",
        "_admission",
        "_chunks",
        "_complete",
        "_open",
        "_outer",
        "_read_error",
        "_reader",
        "_reply_of",
        "_stream_classes",
        "_suppressed",
        "_watch",
        "call",
        "response",
        "span",
    )

    def __init__(
        self,
        span: LiveSpan,
        call: Call,
        read_error: ReadError | None = None,
        door: Door | None = None,
        stream_classes: frozenset[str] = frozenset(),
        admission: limits.Admission | None = None,
    ) -> None:
        self.span = span
        self.call = call
        self.response: HttpResponse | None = None  # the HTTP response, where a tap has seen it
        self._read_error = read_error
        self._reply_of = None if door is None else door.reply_of
        self._watch = None if door is None else door.watch
        self._stream_classes = stream_classes
        self._admission = admission  # to a limit, which counts the call's tokens
        self._suppressed: Token[bool] | None = None
        self._outer: CallRecording | None = None
        self._open = [True]  # pop() is atomic: the first end of a stream wins
        self._chunks: ChunkLog | None = None
        self._reader: BodyReader | None = None
        self._complete = False

    @property
    def changed(self) -> Mapping[str, object]:
        """Arguments that replace the user's."""
        return self.call.changed

    # ---- around the SDK's call ----

    def enter(self) -> None:
        """Make the span current during the SDK's call."""
        with guard("making a span current"):
            self._outer = current_recording.get()
            self.span.attach()
            current_recording.set(self)
            if self.call.covers:
                self._suppressed = suppressed.set(True)

    def set_response(self, response: HttpResponse, attributes: Attributes) -> None:
        """Set the HTTP response of this call, and attributes; called by taps."""
        self.response = response
        self.span.set_attributes({semconv.HTTP_STATUS: response.status_code, **attributes})

    def _set_result_response(self, response: HttpResponse) -> None:
        """Set the response that the door returned; the SDK raises later for a status of 400 and above."""
        self.set_response(response, {semconv.REQUEST_ID: response.headers.get("x-request-id")})
        self.response = None
        if response.status_code >= _REFUSED:
            self.span.set_attribute(semconv.ERROR_TYPE, str(response.status_code))
            self.span.set_status("ERROR", f"HTTP {response.status_code}")

    def _leave(self) -> None:
        token, self._suppressed = self._suppressed, None
        if token is not None:
            restore(suppressed, token, True)
        if current_recording.get() is self:  # not where a coroutine is closed from another context
            current_recording.set(self._outer)
        self.span.detach()

    def raised(self, error: BaseException) -> None:
        """The SDK's call raised."""
        try:
            self._leave()
            if self.span.is_recording():  # else the error is of a signal that came at the very end
                self.span.read_now()
                self._set_error(error)
        except Exception as fault:
            report("reading an error", fault)
        finally:
            self._end(error)

    def _set_error(self, error: BaseException) -> None:
        # the body has the reason of a refusal, or a reply that the SDK could not parse
        content = _content_of(self.response or _response_of(error))
        if content:
            self.span.set_outputs(body_of(content))
        if self._read_error is not None:
            self.span.set_attributes(self._read_error(error))

    def returned(self, result: object) -> object:
        """The SDK's call returned: the user gets the very result, or a generator for a generator."""
        try:
            self._leave()
            taken = self._take(result)
            if self.call.hides is not None:
                hide(taken, self.call.hides)
            return taken
        except Exception as fault:
            self._end()
            report("reading a reply", fault)
            return result

    def _take(self, result: object) -> object:
        if self._watch is not None and self._watch(self, result):
            return result
        if streams.is_stream_object(result):
            self.response = None
            chunks = self.start_accumulating()
            # of an API that is not known here, chunks may hold more than the server sent, as Assistants' do
            is_as_sent = self._reply_of is None and not chunks.keeps_last_event
            streams.watch_stream_object(result, self, chunks.take_event if is_as_sent else None)
            return result
        if self._stream_classes and not self._stream_classes.isdisjoint(streams.class_names(result)):
            self.start_accumulating()
            streams.watch_instance(result, self)
            return result
        if streams.is_generator(result):
            self.start_accumulating()
            return streams.watch_generator(result, self)
        response, self.response = self.response, None  # a watcher must not keep the watched object alive
        if response is None and streams.is_http_response(result):
            response = result
            self._set_result_response(response)
        if response is not None:
            self._take_response(response)
        else:
            self._end_with(loads(encode(result if self._reply_of is None else self._reply_of(result))))
        return result

    def _take_response(self, response: HttpResponse) -> None:
        content = _content_of(response)
        if content is not None and (content.startswith(b"{") or not is_event_stream(content)):
            self._end_with(json_of(content) or body_of(content, content_type_of(response)))
            return
        self.expect_body(response)
        if content is None:
            streams.watch_bytes(response, self)
        else:  # a hook of the HTTP client, for example, has read the stream to its end
            self.feed(content)
            self.finished()

    def start_accumulating(self) -> ChunkLog:
        """Expect the reply in chunks."""
        make = self.call.operation.accumulator
        self._chunks = chunks = ChunkLog(self.span, None if make is None else make())
        return chunks

    def expect_body(self, response: HttpResponse) -> None:
        """Expect the reply in bytes, which `feed` gets."""
        self._reader = BodyReader(response)
        self.start_accumulating()

    def update_request(self, body: object) -> None:
        """Replace the request by its final body."""
        try:
            write_request(self.span, self.call.operation, body)
        except Exception as fault:
            report("reading a request", fault)

    # ---- called by the watched stream ----

    def chunk(self, chunk: object) -> None:
        """The user has read a chunk."""
        chunks = self._chunks
        if chunks is None:  # the stream has ended
            return
        try:
            if self._reply_of is not None:
                chunk = self._reply_of(chunk)
                if chunk is None:  # a line of a stream with no event in it, for example
                    return
            chunks.take(chunk)
        except Exception as fault:
            report("reading a chunk", fault)

    def feed(self, received: bytes) -> None:
        """The user has read a part of the body."""
        chunks, reader = self._chunks, self._reader
        if chunks is None or reader is None:
            return
        try:
            self._take_events(chunks, reader.feed(received))
        except Exception as fault:
            report("reading a chunk", fault)

    def _take_events(self, chunks: ChunkLog, events: Iterable[bytes]) -> None:
        for encoded in events:
            if encoded.startswith(b"[DONE]"):
                self._complete = True
            else:
                chunks.take_encoded(encoded)

    def finished(self) -> None:
        """The stream was read to its end."""
        chunks, reader = self._chunks, self._reader
        try:
            if chunks is not None and reader is not None:
                self._take_events(chunks, reader.rest())
        except Exception as fault:
            report("reading the last chunk", fault)
        finally:
            self._end_stream(None)

    def closed(self) -> None:
        """The user closed the stream before its end."""
        self._end_stream("closed")

    def dropped(self) -> None:
        """The stream was collected before its end, or the program has ended."""
        self._end_stream("dropped")

    def failed(self, error: BaseException) -> None:
        """Reading the stream raised. A cancelled read or a closed generator is no error."""
        kind = type(error).__name__
        if kind == "CancelledError":
            self._end_stream("cancelled", error)
        elif kind == "GeneratorExit":
            self._end_stream("closed")
        else:
            self._end_stream(None, error)

    # ---- the end ----

    def _end_stream(self, incomplete: str | None, error: BaseException | None = None) -> None:
        try:
            self._open.pop()
        except IndexError:
            return
        chunks, self._chunks = self._chunks or ChunkLog(self.span, None), None
        try:
            chunks.end()
            if error is not None:
                self.span.read_now()
            self._set_stream(chunks, incomplete, error)
            if error is not None and incomplete is not None:
                self.span.record_exception(error, escaped=True)
            elif error is not None and chunks.count == 0:  # refused: some streams send the request at the first read
                self._set_error(error)
            elif error is not None and self._read_error is not None:
                self.span.set_attributes(self._read_error(error))
        except Exception as fault:
            report("reading a stream", fault)
        finally:
            self._end(error if incomplete is None else None)
            self._reader = None

    def _end(self, error: BaseException | None = None) -> None:
        admission, self._admission = self._admission, None
        if admission is not None:
            limits.settle(admission, self.span, has_failed=error is not None)
        try:
            if error is None:
                self.span.end()
            else:
                self.span.end_with_error(error)
        except Exception as fault:
            report("ending a span", fault)

    def _set_stream(self, chunks: ChunkLog, incomplete: str | None, error: BaseException | None) -> None:
        body, is_whole = self._arrived(chunks)
        if incomplete is None and error is None and is_whole is False:
            incomplete = "unfinished"  # a connection that breaks between two chunks looks like an end
        if incomplete is not None and not is_whole:
            self.span.set_attribute(semconv.INCOMPLETE, incomplete)
        is_secret = chunks.count > 0 and chunks.holds_secret(body)
        if body is not None and not (is_secret and chunks.keeps_last_event):
            self._set_reply(body)
        if chunks.count:
            chunks.write(is_secret=is_secret)

    def _arrived(self, chunks: ChunkLog) -> tuple[object, bool | None]:
        """The part of the reply that the user has read, and whether that is all of it, if known."""
        if self._reader is not None and not self._reader.is_event_stream:
            return self._reader.body()
        body, is_whole = chunks.reply()
        return body, self._complete or is_whole

    def _end_with(self, body: object) -> None:
        self._set_reply(body)
        self._end()

    def _set_reply(self, body: object) -> None:
        span = self.span
        if self.call.about is not None and body is not None:
            with guard("reading more of a reply"):
                span.set_attributes(self.call.about(body))
        if span.set_json(semconv.OUTPUTS, body) and span.reader is not None:
            return
        span.read_now()
        if body is not None:
            set_reply(span, self.call.operation.read_reply(body))


def start_client_span(
    operation: str,
    span_type: str,
    model: str | None,
    *,
    provider: str | None,
    attributes: Mapping[str, object],
    scope: str,
    parent: AnySpan | None = None,
    start_time_ns: int | None = None,
    is_call: bool = False,
    subject: str | None = None,
) -> AnySpan:
    """Start the span of a call or a connection, named after its operation and its model, or another subject."""
    subject = model or subject
    return runtime().recorder.start_span(
        f"{operation} {subject}" if subject else operation,
        span_type=span_type,
        attributes={
            semconv.OPERATION: operation,
            semconv.PROVIDER: provider,
            semconv.REQUEST_MODEL: model,
            **attributes,
        },
        otel_kind=SpanKind.CLIENT,
        parent=parent,
        scope=scope,
        start_time_ns=start_time_ns,
        is_call=is_call,
    )


def write_request(span: LiveSpan, operation: Operation, body: object, request: Request | None = None) -> None:
    """Set a span's inputs to a request, and its attributes unless they are read later."""
    is_written = span.reader is not None
    if is_written:
        if span.set_json(semconv.INPUTS, body):
            return
        span.reader = None  # a body that was cut cannot be read later
    request = request or operation.read_request(body)
    if not is_written or request.inputs is not None:
        span.set_inputs(body if request.inputs is None else request.inputs)
    set_request(span, request)


class _NotRecorded:
    """Observes a call that is not recorded."""

    __slots__ = ()

    changed: Mapping[str, object] = {}

    def enter(self) -> None:
        """Does nothing: there is no span to make current."""

    def raised(self, error: BaseException) -> None:
        """Does nothing: there is no span to end."""

    def returned(self, result: object) -> object:
        """The very result."""
        return result


NOT_RECORDED: CallObserver = _NotRecorded()


class _NotRecordedInside:
    """Observes a call that is not recorded, inside one that is: taps do not take it for the outer call."""

    __slots__ = ("_token",)

    changed: Mapping[str, object] = {}

    def __init__(self) -> None:
        self._token: Token[CallRecording | None] | None = None

    def enter(self) -> None:
        """The call is made."""
        self._token = current_recording.set(None)

    def raised(self, error: BaseException) -> None:
        """The call is over."""
        token, self._token = self._token, None
        if token is not None:
            restore(current_recording, token, None)

    def returned(self, result: object) -> object:
        """The very result."""
        self.raised(GeneratorExit())
        return result


def not_recorded() -> CallObserver:
    """The observer of a call that is not recorded, in this context."""
    return NOT_RECORDED if current_recording.get() is None else _NotRecordedInside()


def _response_of(error: BaseException) -> object:
    """The HTTP response of an exception, or of the one below it that ``raise … from None`` hides."""
    # a context that is not suppressed may be the user's own exception, in whose handler this call is made
    below = error.__cause__ or error.__context__ if error.__suppress_context__ else None
    return getattr(error, "response", None) or getattr(below, "response", None)


def _content_of(response: Any) -> bytes | None:
    """The body of an HTTP response if the SDK has read it already."""
    if not getattr(response, "is_closed", False):
        return None
    try:
        content = response.content
    except Exception as error:  # httpx raises ResponseNotRead
        reraise_interruption(error)
        return None
    return content if isinstance(content, bytes) else None

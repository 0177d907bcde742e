"""The chunks of one stream, from their arrival until they are the events of a span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer import semconv
from tracer._engine.runtime import runtime
from tracer._fault import report
from tracer._json import encode, loads
from tracer.provider.chunk_encoder import ChunkEncoder, joined_texts
from tracer.provider.chunk_shapes import ChunkShape, Continued, chunk_shape
from tracer.provider.operation import Accumulator

if TYPE_CHECKING:
    from typing import Any

    from tracer._engine.span import LiveSpan
    from tracer._records.record import ChunksRecord
    from tracer.provider.shown_events import ServerSentEvent

CHUNK_EVENTS_LIMIT = 1_000
CHUNK_BYTES_LIMIT = 256 * 1024
_READ_FIRST = 32  # chunks, then more together, unless they are large
_READ_TOGETHER = 256
_LARGE_TOGETHER = 256 * 1024  # characters
_SHAPES_LIMIT = 4  # at a time
_SHAPES_SOUGHT = 64  # in a stream
_LARGE_CHUNK = 512  # bytes of JSON; smaller ones hold no attachment


class ChunkLog:
    """Keeps chunks as they arrive, and reads many together: far cheaper than reading each between steps of the SDK."""

    __slots__ = (
        "_accumulator",
        "_bytes_left",
        "_continued",
        "_encoder",
        "_first_content",
        "_is_ended",
        "_left_out",
        "_read_at",
        "_shapes",
        "_shapes_left",
        "_span",
        "_texts",
        "_tick",
        "_times",
        "_unread",
        "_varying",
        "_zero",
        "count",
    )

    def __init__(self, span: LiveSpan, accumulator: Accumulator | None) -> None:
        self.count = 0
        self._span = span
        self._accumulator = accumulator
        self._encoder = ChunkEncoder(getattr(accumulator, "repeated", frozenset()))
        self._tick, self._zero = span.clock()
        self._unread: list[tuple[int, Any]] = []
        self._read_at = _READ_FIRST
        self._is_ended = False
        self._continued: Continued | None = getattr(accumulator, "continued", None)
        self._varying: str = getattr(accumulator, "varying", "")
        self._shapes: list[ChunkShape] = []  # of chunks that continue a text, until anything else comes
        self._shapes_left = _SHAPES_SOUGHT
        self._texts: list[str] = []  # of the chunks that are events of the span
        self._times: list[int] = []
        self._bytes_left = CHUNK_BYTES_LIMIT
        self._left_out = 0
        self._first_content = 0

    def take(self, chunk: object) -> None:
        """Keep the SDK's object of a chunk."""
        self.take_encoded(self._encoder(chunk))

    def take_encoded(self, encoded: bytes) -> None:
        """Keep a chunk's JSON."""
        self._keep(encoded)

    def _keep(self, unread: bytes | ServerSentEvent) -> None:
        self._unread.append((self._tick(), unread))
        if len(self._unread) >= self._read_at:
            self.read()

    take_event = _keep
    """Keep the event that a chunk was sent as."""

    def end(self) -> None:
        """Read what is left; what comes later is not kept."""
        self.read()
        self._is_ended = True

    def read(self) -> None:
        """Read the chunks that are kept unread."""
        unread, self._unread = self._unread, []
        if self._is_ended:
            return
        try:
            sent = [kept if type(kept) is bytes else kept.data for _, kept in unread]
            times = [self._zero + tick for tick, _ in unread]
            size = sum(map(len, sent))
        except Exception as fault:
            report("reading chunks", fault)
            return
        first = 0
        while first < len(sent):
            try:
                first += self._read_run(times, sent, first)
            except Exception as fault:
                first += 1
                report("reading a chunk", fault)
        self._read_at = min(2 * self._read_at, _READ_TOGETHER) if size < _LARGE_TOGETHER else _READ_FIRST // 4

    def _read_run(self, times: list[int], sent: list[Any], first: int) -> int:
        """Read a chunk and those that follow in the same shape; how many that are."""
        if type(sent[first]) is bytes:
            self._add(times[first], loads(sent[first]), sent[first])
            return 1
        for shape in self._shapes:
            texts, kept = shape.take_run(sent, first, _LARGE_CHUNK)
            if texts:
                last = first + len(texts)
                self._note_all(times[first:last], kept)
                self._continue(times[first:last], shape.pieces, texts)
                return len(texts)
        self._read_other(times[first], sent[first])
        return 1

    def _read_other(self, when: int, sent: str) -> None:
        new, encoded = self._encoder.sent(sent)
        continues = self._add(when, new, encoded)
        if not continues or self._encoder.has_new_envelope(new):
            self._shapes.clear()
        elif self._continued is not None and self._shapes_left and len(encoded) < _LARGE_CHUNK:
            self._shapes_left -= 1
            shape = chunk_shape(sent, self._varying, self._encoder.unknown_fields, self._continued)
            if shape is not None:
                self._shapes = [shape, *self._shapes[: _SHAPES_LIMIT - 1]]

    def _add(self, when: int, chunk: Any, encoded: bytes) -> bool:
        """Add a chunk; True if it only continues a text."""
        if len(encoded) >= _LARGE_CHUNK:
            encoded = encode(chunk)  # in the form in which attachments are searched for
            if self._span.captures_content:
                encoded = self._span.without_attachments(encoded)
        self._note(when, encoded.decode(), len(encoded))
        added = None if self._continued is None else self._continued(chunk)
        if added is not None:
            self._continue([when], added[0], [added[1]])
        elif self._accumulator is not None and self._accumulator.add(chunk) and not self._first_content:
            self._first_content = when
        return added is not None

    def _note_all(self, times: list[int], texts: list[str]) -> None:
        size = len("".join(texts).encode())
        if len(self._texts) + len(texts) <= CHUNK_EVENTS_LIMIT and size <= self._bytes_left:
            self.count += len(texts)
            self._bytes_left -= size
            self._texts.extend(texts)
            self._times.extend(times)
        else:
            for when, text in zip(times, texts):
                self._note(when, text, len(text.encode()))

    def _note(self, when: int, text: str, size: int) -> None:
        self.count += 1
        if len(self._texts) < CHUNK_EVENTS_LIMIT and size <= self._bytes_left:
            self._bytes_left -= size
            self._texts.append(text)
            self._times.append(when)
        else:
            self._left_out += 1

    def _continue(self, times: list[int], pieces: list[str], texts: list[str]) -> None:
        pieces.extend(texts)
        if not self._first_content:
            self._first_content = next((when for when, text in zip(times, texts) if text), 0)

    def reply(self) -> tuple[object, bool | None]:
        """The reply as far as it was read, and whether that is all of it, if known."""
        if self._accumulator is None:
            return None, None
        return self._accumulator.reply() if self.count else None, self._accumulator.is_complete()

    @property
    def keeps_last_event(self) -> bool:
        """Whether the reply is the last event alone, not all chunks joined."""
        return getattr(self._accumulator, "keeps_last_event", False)

    def holds_secret(self, reply: object) -> bool:
        """Whether the chunks hold a secret when they are joined."""
        if self.keeps_last_event:
            reply = joined_texts(map(loads, self._texts))
        return reply is not None and runtime().recorder.holds_secret(encode(reply))

    def write(self, *, is_secret: bool) -> None:
        """Set the chunks as events of the span; only their sizes if a secret may be split over them."""
        span, start = self._span, self._span.start_time_ns
        span.set_attribute(semconv.STREAM_CHUNKS, self.count)
        if self._left_out:
            span.set_attribute(semconv.STREAM_CHUNKS_LEFT_OUT, self._left_out)
        if self._first_content:
            span.set_attribute(semconv.TIME_TO_FIRST_CHUNK, (self._first_content - start) / 1e9)
        chunks: ChunksRecord = {"after": [when - start for when in self._times]}
        if is_secret:
            span.set_attribute(semconv.STREAM_CHUNKS_REDACTED, True)
            chunks["bytes"] = [len(text.encode()) for text in self._texts]
        else:
            chunks["json"] = self._texts
        span.set_chunks(chunks)

"""The chunks of one stream, from their arrival until they are the events of a span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer import semconv
from tracer._engine.runtime import runtime
from tracer._fault import report
from tracer._json import encode, loads
from tracer.provider.chunk_encoder import ChunkEncoder, joined_texts
from tracer.provider.operation import Accumulator

if TYPE_CHECKING:
    from tracer._engine.span import LiveSpan
    from tracer._records.record import ChunksRecord

CHUNK_EVENTS_LIMIT = 1_000
CHUNK_BYTES_LIMIT = 256 * 1024
_READ_TOGETHER = 64  # chunks
_LARGE_CHUNK = 512  # bytes of JSON; smaller ones hold no attachment


class ChunkLog:
    """Keeps chunks as they arrive, and reads many together: far cheaper than reading each between steps of the SDK."""

    __slots__ = (
        "_accumulator",
        "_bytes_left",
        "_encoder",
        "_events",
        "_first_content",
        "_left_out",
        "_span",
        "_unread",
        "count",
    )

    def __init__(self, span: LiveSpan, accumulator: Accumulator | None) -> None:
        self.count = 0
        self._span = span
        self._accumulator = accumulator
        self._encoder = ChunkEncoder(getattr(accumulator, "repeated", frozenset()))
        self._unread: list[tuple[int, bytes]] = []
        self._events: list[tuple[int, str]] = []
        self._bytes_left = CHUNK_BYTES_LIMIT
        self._left_out = 0
        self._first_content = 0

    def take(self, chunk: object) -> None:
        """Keep a chunk as it was sent, or the SDK's object."""
        self.take_encoded(self._encoder(chunk))

    def take_encoded(self, encoded: bytes) -> None:
        """Keep a chunk's JSON."""
        self._unread.append((self._span.now_ns(), encoded))
        if len(self._unread) >= _READ_TOGETHER:
            self.read()

    def read(self) -> None:
        """Read the chunks that are kept unread."""
        unread, self._unread = self._unread, []
        for when, encoded in unread:
            try:
                self._read(when, encoded)
            except Exception as fault:
                report("reading a chunk", fault)

    def _read(self, when: int, encoded: bytes) -> None:
        chunk = loads(encoded)
        self.count += 1
        if len(encoded) >= _LARGE_CHUNK:
            encoded = encode(chunk)  # in the form in which attachments are searched for
            if self._span.captures_content:
                encoded = self._span.without_attachments(encoded)
        if len(self._events) < CHUNK_EVENTS_LIMIT and len(encoded) <= self._bytes_left:
            self._bytes_left -= len(encoded)
            self._events.append((when, encoded.decode()))
        else:
            self._left_out += 1
        if self._accumulator is not None and self._accumulator.add(chunk) and not self._first_content:
            self._first_content = when

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
            reply = joined_texts(loads(chunk) for _, chunk in self._events)
        return reply is not None and runtime().recorder.holds_secret(encode(reply))

    def write(self, *, is_secret: bool) -> None:
        """Set the chunks as events of the span; only their sizes if a secret may be split over them."""
        span, start = self._span, self._span.start_time_ns
        span.set_attribute(semconv.STREAM_CHUNKS, self.count)
        if self._left_out:
            span.set_attribute(semconv.STREAM_CHUNKS_LEFT_OUT, self._left_out)
        if self._first_content:
            span.set_attribute(semconv.TIME_TO_FIRST_CHUNK, (self._first_content - start) / 1e9)
        chunks: ChunksRecord = {"after": [when - start for when, _ in self._events]}
        if is_secret:
            span.set_attribute(semconv.STREAM_CHUNKS_REDACTED, True)
            chunks["bytes"] = [len(text.encode()) for _, text in self._events]
        else:
            chunks["json"] = [text for _, text in self._events]
        span.set_chunks(chunks)

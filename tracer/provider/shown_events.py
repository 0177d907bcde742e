"""Chunks as they were sent, noted where an SDK decodes server-sent events: their text, before it is parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol


class ServerSentEvent(Protocol):
    """An event as an SDK decodes it; nobody changes it."""

    @property
    def data(self) -> str: ...


class ShownEvents:
    """A stream's own decoder, whose last event is the chunk that the user gets next."""

    __slots__ = ("_decoder", "_event", "_keep", "_otherwise")

    def __init__(
        self, decoder: Any, keep: Callable[[ServerSentEvent], None], otherwise: Callable[[object], None]
    ) -> None:
        self._decoder = decoder
        self._event: ServerSentEvent | None = None
        self._keep = keep
        self._otherwise = otherwise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def iter_bytes(self, *args: object, **kwargs: object) -> Iterator[Any]:
        for event in self._decoder.iter_bytes(*args, **kwargs):
            self._event = event
            yield event

    def aiter_bytes(self, *args: object, **kwargs: object) -> _AsyncEvents:
        return _AsyncEvents(self._decoder.aiter_bytes(*args, **kwargs), self)

    def note(self, chunk: object) -> None:
        """The user gets a chunk: keep the event that it was made of, or the chunk where no event was decoded."""
        event, self._event = self._event, None
        if event is None:
            self._otherwise(chunk)
        else:
            self._keep(event)


class _AsyncEvents:
    """No generator: event loops keep account of asynchronous ones, and close those of dropped streams in order."""

    __slots__ = ("_events", "_shown")

    def __init__(self, events: Any, shown: ShownEvents) -> None:
        self._events = events
        self._shown = shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)

    def __aiter__(self) -> _AsyncEvents:
        return self

    async def __anext__(self) -> Any:
        events = self._events
        _, event = (events, await events.__anext__())  # on the stack while it waits, as in `async for`
        self._shown._event = event
        return event


def shows_events(decoder: object) -> bool:
    """Whether this decodes a body into server-sent events, as the decoders of the Stainless SDKs do."""
    return hasattr(decoder, "iter_bytes") and hasattr(decoder, "aiter_bytes")

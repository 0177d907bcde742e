"""A provider's account of a connection over which many requests and replies pass."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer.provider.connection_recording import ConnectionRecording
    from tracer.provider.operation import Attributes


class ConnectionReader(Protocol):
    """Interprets the messages of a connection, which it gets one after the other, never two at a time."""

    def sent(self, message: JsonObject, recording: ConnectionRecording, /) -> None:
        """The program has sent a message."""
        ...

    def received(self, message: JsonObject, recording: ConnectionRecording, /) -> None:
        """The program has received a message."""
        ...

    def conversation(self) -> list[JsonObject]:
        """The whole conversation as chat messages."""
        ...


class Connection(NamedTuple):
    """An open connection: its model, and the reader of its messages."""

    name: str  # gen_ai.operation.name
    reader: ConnectionReader
    model: str | None = None
    provider: str | None = None  # where it differs from the name of the `Provider`
    attributes: Attributes = MappingProxyType({})

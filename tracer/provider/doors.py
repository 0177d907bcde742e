"""Where a provider looks into an SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording
    from tracer.provider.connection import Connection
    from tracer.provider.operation import Arguments, Call, ReplyOf


class Door(NamedTuple):
    """A method of an SDK that every call passes once, as ``module:Class.method``.

    Where versions of the SDK differ, ``target`` is a tuple of such places, and the first that is there is the door.

    ``read_call(arguments)`` gets the call's arguments by name, ``self`` included (those of ``*args`` as a tuple, those
    of ``**kwargs`` each by its own name), and says what the call is, or None for a call that generates nothing. Where
    the SDK wraps what the provider sent, ``reply_of(result)`` takes the reply, or a chunk of a streamed one, out of it.
    """

    target: str | tuple[str, ...]
    read_call: Callable[[Arguments], Call | None]
    parameters: tuple[str, ...] = ()  # those that read_call needs; without one of them the SDK is left alone
    reply_of: ReplyOf | None = None


class Tap(NamedTuple):
    """A method that the SDK runs inside a door and that shows what the door's result hides: the HTTP response.

    ``observe(recording, arguments)`` is called before the method, or with ``after=True`` when it has returned, and then
    has the result under the name ``return``.
    """

    target: str | tuple[str, ...]
    observe: Callable[[CallRecording, Arguments], None]
    parameters: tuple[str, ...] = ()
    after: bool = False


class ChunkTap(NamedTuple):
    """A method that an SDK passes each chunk of its streams through, as it was sent, before it makes an object of it.

    The method is given ``data`` and the HTTP ``response`` by keyword, and runs in the step in which the user reads the
    chunk. That saves taking the object apart again: most of what watching a stream costs.
    """

    target: str | tuple[str, ...]
    parameters: tuple[str, ...] = ("data", "response")


class HookEnd(Protocol):
    """Hears how a hooked method ended."""

    def returned(self, result: Any) -> object: ...
    def raised(self, error: BaseException) -> object: ...


class Hook(NamedTuple):
    """A method by which a framework tells of its steps: ``begin(arguments)`` runs before it.

    ``begin`` gets the arguments by name, ``self`` included, and may give something that is told of the method's end.
    """

    target: str | tuple[str, ...]
    begin: Callable[[Arguments], HookEnd | None]
    parameters: tuple[str, ...] = ()


class ConnectionDoor(NamedTuple):
    """A class of an SDK whose objects are open connections, as ``module:Class``, with `recv_bytes`, `send` and `close`.

    ``open(connection)`` says what session the connection is, or None. The module is never imported for it.
    """

    target: str
    open: Callable[[Any], Connection | None]

    @property
    def module(self) -> str:
        """Where the class is."""
        return self.target.partition(":")[0]

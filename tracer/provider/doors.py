"""The places where a provider observes an SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording
    from tracer.provider.connection import Connection
    from tracer.provider.operation import Arguments, Call, ReplyOf, Watch


class Door(NamedTuple):
    """A method of an SDK through which every call passes once, as ``module:Class.method``.

    Where versions of the SDK differ, ``target`` is a tuple of such places, and the first that exists is the door.

    ``read_call(arguments)`` gets the call's arguments by name, ``self`` included (those of ``*args`` as a tuple, those
    of ``**kwargs`` each by its own name), and returns the `Call`, or None for one that generates nothing. Where the SDK
    wraps the provider's message, ``reply_of(result)`` unwraps the reply, or a chunk of a streamed one, where None means
    that there is none.

    ``watch(recording, result)`` is called first with the result. It may set attributes; where the result holds a
    stream of a kind unknown to the kit, it watches that and returns True.
    """

    target: str | tuple[str, ...]
    read_call: Callable[[Arguments], Call | None]
    parameters: tuple[str, ...] = ()  # that read_call needs; the SDK is left alone if one is missing
    reply_of: ReplyOf | None = None
    watch: Watch | None = None
    is_context: bool = False  # returns a contextlib manager, which yields what another method would return


class Tap(NamedTuple):
    """A method that the SDK calls inside a door and that has what the door's result hides: the HTTP response.

    ``observe(recording, arguments)`` is called before the method, or with ``after=True`` when it has returned, with the
    result as the argument ``return``.
    """

    target: str | tuple[str, ...]
    observe: Callable[[CallRecording, Arguments], None]
    parameters: tuple[str, ...] = ()
    after: bool = False


class StreamClass(NamedTuple):
    """An SDK's own class of streams, as ``module:Class``: the results of ``__next__`` and ``__anext__`` are the chunks.

    ``rest(stream)`` returns one chunk more at the end, with content that the SDK kept from the program, or None.
    """

    target: str
    rest: Callable[[Any], object] | None = None


class HookEnd(Protocol):
    """Receives the end of a hooked method's call.

    An optional attribute ``changed``, a mapping, has arguments by name that replace the program's.
    """

    def returned(self, result: Any) -> object: ...
    def raised(self, error: BaseException) -> object: ...


class Hook(NamedTuple):
    """A method by which a framework reports its steps: ``begin(arguments)`` runs before it.

    ``begin`` gets the arguments by name, ``self`` included, and may return an object that receives the call's end.
    """

    target: str | tuple[str, ...]
    begin: Callable[[Arguments], HookEnd | None]
    parameters: tuple[str, ...] = ()
    is_optional: bool = False  # some versions do without such a method


class ConnectionDoor(NamedTuple):
    """A class of an SDK whose objects are open connections, as ``module:Class``, with `recv_bytes`, `send` and `close`.

    Its ``__init__`` takes the channel of the messages as ``connection``. ``open(…)`` gets an object of the class and
    describes it, or returns None. The module is never imported for it.
    """

    target: str
    open: Callable[[Any], Connection | None]

    @property
    def module(self) -> str:
        """The module of the class."""
        return self.target.partition(":")[0]

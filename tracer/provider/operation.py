"""What a provider says of a call: the operation it is, and what its request and its reply say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from tracer import semconv

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer.provider.hidden_chunks import IsHidden

Arguments: TypeAlias = Mapping[str, Any]  # of a method's call, by name
Attributes: TypeAlias = Mapping[str, object]  # of a span; None is left out
ReadError = Callable[[BaseException], Attributes]
ReplyOf = Callable[[Any], object]

_NOTHING: Attributes = MappingProxyType({})


class Request(NamedTuple):
    """What a request says. Messages may be OpenAI-style, provider objects or any mapping."""

    model: str | None = None
    messages: object = None
    system: object = None  # instructions given apart from the messages
    tools: object = None
    output_schema: object = None  # the JSON schema that a structured output is to have
    attributes: Attributes = _NOTHING
    inputs: object = None  # in the place of the body, where the body is not what a user gave


class Reply(NamedTuple):
    """What a reply says. ``usage`` goes by the names of `semconv.TOKEN_USAGE`: ``input_tokens``, …"""

    model: str | None = None
    id: str | None = None
    messages: object = None
    finish_reasons: Sequence[str] = ()
    usage: Mapping[str, object] = _NOTHING
    attributes: Attributes = _NOTHING
    error_type: str | None = None  # a reply that says of itself that it failed
    error_message: str | None = None
    incomplete: str | None = None  # a reply that says of itself that it was cut short, and why


class Accumulator(Protocol):
    """Puts the chunks of a stream together; chunks are dicts.

    One that has an attribute ``repeated``, a frozenset of the names of top-level fields that come with every chunk, is
    given those only when they change, and so are the span's events: that halves what a chunk costs. One that puts
    nothing together says so by ``keeps_last_event = True``; secrets are then looked for over all chunks.
    """

    def add(self, chunk: JsonObject) -> bool:
        """Take a chunk; True if it brought content, as opposed to an envelope or numbers."""
        ...

    def reply(self) -> object:
        """What has arrived until now, in the shape of a reply that was not streamed."""
        ...

    def is_complete(self) -> bool | None:
        """Whether the provider has said that nothing more of the reply will come; None where it never says so."""
        ...


class Operation(NamedTuple):
    """One thing a provider does: pure functions for its requests and replies, an accumulator for its streams."""

    name: str  # gen_ai.operation.name
    read_request: Callable[[Any], Request]
    read_reply: Callable[[Any], Reply]
    accumulator: Callable[[], Accumulator] | None = None
    span_type: str = semconv.SpanType.CHAT_MODEL


class Call(NamedTuple):
    """A call as a door saw it: what is done, with what body, where."""

    operation: Operation
    body: object
    provider: str | None = None  # where it differs from the provider module's name
    attributes: Attributes = _NOTHING
    changed: Mapping[str, object] = _NOTHING  # arguments of the door, where the user wanted more asked
    hides: IsHidden | None = None  # chunks that come only because of the change

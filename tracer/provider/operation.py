"""A provider's account of a call: its operation, and the content of its request and its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from tracer import semconv

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer.provider.call_recording import CallRecording
    from tracer.provider.hidden_chunks import IsHidden

Arguments: TypeAlias = Mapping[str, Any]  # of a method's call, by name
Attributes: TypeAlias = Mapping[str, object]  # of a span; None is left out
ReadError = Callable[[BaseException], Attributes]
ReplyOf = Callable[[Any], object]
Watch = Callable[["CallRecording", Any], bool]

_NOTHING: Attributes = MappingProxyType({})


class Request(NamedTuple):
    """Content of a request. Messages may be OpenAI-style, provider objects or any mapping."""

    model: str | None = None
    messages: object = None
    system: object = None  # instructions apart from the messages
    tools: object = None
    output_schema: object = None  # JSON schema of a structured output
    attributes: Attributes = _NOTHING
    inputs: object = None  # recorded instead of the body, where the user did not write the body


class Reply(NamedTuple):
    """Content of a reply. Keys of ``usage`` are those of `semconv.TOKEN_USAGE`: ``input_tokens``, …"""

    model: str | None = None
    id: str | None = None
    messages: object = None
    finish_reasons: Sequence[str] = ()
    usage: Mapping[str, object] = _NOTHING
    attributes: Attributes = _NOTHING
    error_type: str | None = None  # of a reply with which the provider reports a failure
    error_message: str | None = None
    incomplete: str | None = None  # why the provider cut the reply short


class Accumulator(Protocol):
    """Joins the chunks of a stream; chunks are dicts.

    An optional attribute ``repeated``, a frozenset of top-level fields that come with every chunk, leaves these fields
    out of chunks and of the span's events until they change: that halves the cost of a chunk. An accumulator that only
    keeps the last event has ``keeps_last_event = True``; secrets are then searched for over all chunks.

    Most chunks only continue a text. With an optional method ``continued(chunk)`` they are read without being parsed,
    where the SDK shows the bytes sent: before a chunk is added, it returns the list of the pieces to which `add` would
    append a text, and that text; None if `add` would do anything else. ``varying``, made with `varying_values`, finds
    in the JSON of such chunks the values that differ between them.
    """

    def add(self, chunk: JsonObject, /) -> bool:
        """Add a chunk; True if it has content, not only an envelope or numbers."""
        ...

    def reply(self) -> object:
        """The chunks until now in the shape of a reply that is not streamed."""
        ...

    def is_complete(self) -> bool | None:
        """Whether the provider has marked the end of the reply; None if it marks no ends."""
        ...


def varying_values(texts: str, numbers: str = "") -> str:
    """A pattern for the values of fields with these names, separated by spaces: texts that are not empty, and numbers.

    Texts are its first group, numbers its second one.
    """
    in_quotes = rf'"(?:{"|".join(texts.split())})"\s*:\s*"((?:[^"\\]|\\.)+)"'
    if not numbers:
        return in_quotes
    return rf'{in_quotes}|"(?:{"|".join(numbers.split())})"\s*:\s*([0-9]{{1,15}})(?=[\s,}}])'


class Operation(NamedTuple):
    """A kind of call: pure functions for its requests and replies, an accumulator for its streams."""

    name: str  # gen_ai.operation.name
    read_request: Callable[[Any], Request]
    read_reply: Callable[[Any], Reply]
    accumulator: Callable[[], Accumulator] | None = None
    span_type: str = semconv.SpanType.CHAT_MODEL


class Call(NamedTuple):
    """A call at a door: its operation, its body, and where it goes."""

    operation: Operation
    body: object
    provider: str | None = None  # where it differs from the name of the `Provider`
    attributes: Attributes = _NOTHING
    changed: Mapping[str, object] = _NOTHING  # arguments that replace the user's, where `autolog` is to ask for more
    hides: IsHidden | None = None  # chunks that come only because of that
    subject: str | None = None  # after which the span is named, where that is no model
    trace: Mapping[str, object] = _NOTHING  # fields of the trace: session_id, user, tags by name
    covers: bool = False  # calls that pass other doors while this one is made are parts of it, and are not recorded
    about: Callable[[Any], Attributes] | None = None  # more attributes, from the whole reply

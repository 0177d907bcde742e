"""Requests and replies of the chat schema (OpenAI, Chat Completions), plus custom inputs and outputs."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, fields
from typing import TypeVar

from tracer._json import JsonObject
from tracer.models.messages import ChatMessage, ToolDefinition
from tracer.models.shape import Shape, ValidationError

P = TypeVar("P", bound="ChatParams")


@dataclass
class ChatParams(Shape):
    """Parameters of a request, without its messages; those not given are None.

    Parameters that are not listed here are kept in ``extra``; ``to_dict`` returns all of them together.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    n: int | None = None
    stream: bool | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    custom_inputs: JsonObject | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    max_completion_tokens: int | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    stream_options: JsonObject | None = None
    user: str | None = None
    model: str | None = None
    extra: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        stop: object = self.stop
        if isinstance(stop, str):
            self.stop = [stop]
        super().__post_init__()

    def to_dict(self) -> JsonObject:
        """As plain values, without those that are None."""
        plain = super().to_dict()
        return {**plain.pop("extra", {}), **plain}

    @classmethod
    def from_dict(cls: type[P], values: object) -> P:
        """From a dict; parameters without a field of their own are kept in ``extra``."""
        if not isinstance(values, dict):
            return super().from_dict(values)
        known = cls.keys()
        extra = {str(key): value for key, value in values.items() if key not in known}
        given = {key: value for key, value in values.items() if key in known and key != "extra"}
        cls._look_for_missing(given)
        named = values.get("extra") or {}
        if not isinstance(named, dict):
            raise ValidationError("extra", f"is {named!r:.80}, expected a dict")
        return cls(**given, extra={**named, **extra})

    @classmethod
    def keys(cls) -> set[str]:
        """The names of the fields."""
        return {known.name for known in fields(cls)}


@dataclass
class ChatCompletionRequest(ChatParams):
    """A whole request: messages and parameters together."""

    messages: list[ChatMessage] = field(default_factory=list)


@dataclass
class TopTokenLogProb(Shape):
    """A likely token and its log probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None


@dataclass
class TokenLogProb(Shape):
    """A token of the reply, its log probability, and the most likely tokens at its position."""

    token: str
    logprob: float
    top_logprobs: list[TopTokenLogProb] = field(default_factory=list)
    bytes: list[int] | None = None


@dataclass
class ChatChoiceLogProbs(Shape):
    """Log probabilities of a choice."""

    content: list[TokenLogProb] | None = None


@dataclass
class ChatChoice(Shape):
    """One choice of a reply. Its ``finish_reason`` is ``tool_calls`` or ``stop`` unless another is given."""

    message: ChatMessage
    index: int = 0
    finish_reason: str = ""
    logprobs: ChatChoiceLogProbs | None = None

    def __post_init__(self) -> None:
        self.finish_reason = self.finish_reason or ""
        super().__post_init__()
        self.finish_reason = self.finish_reason or ("tool_calls" if self.message.tool_calls else "stop")


@dataclass
class TokenUsageStats(Shape):
    """Tokens of a request and its reply."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: JsonObject | None = None
    completion_tokens_details: JsonObject | None = None

    def _check(self) -> None:
        if self.total_tokens is None and None not in (self.prompt_tokens, self.completion_tokens):
            self.total_tokens = (self.prompt_tokens or 0) + (self.completion_tokens or 0)


def _completion_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _now() -> int:
    return int(time.time())


@dataclass
class ChatCompletionResponse(Shape):
    """A whole reply; ``custom_outputs`` is for values that the schema has no field for."""

    choices: list[ChatChoice]
    usage: TokenUsageStats | None = None
    id: str = field(default_factory=_completion_id)
    model: str | None = None
    object: str = "chat.completion"
    created: int = field(default_factory=_now)
    custom_outputs: JsonObject | None = None

    @staticmethod
    def new_id() -> str:
        """An id for a completion."""
        return _completion_id()

    def __post_init__(self) -> None:
        self.id = _completion_id() if self.id is None else self.id
        super().__post_init__()

    def _check(self) -> None:
        if not self.choices:
            raise ValidationError("choices", "is empty, expected at least one choice with a message")


@dataclass
class FunctionCallChunk(Shape):
    """The part of a function call in a chunk."""

    name: str | None = None
    arguments: str | None = None


@dataclass
class ToolCallChunk(Shape):
    """The part of a tool call in a chunk; parts of the same call have the same ``index``."""

    index: int = 0
    id: str | None = None
    type: str | None = None
    function: FunctionCallChunk | None = None


@dataclass
class ChatChoiceDelta(Shape):
    """The part of a message in a chunk."""

    role: str | None = "assistant"
    content: str | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCallChunk] | None = None
    reasoning_content: str | None = None


@dataclass
class ChatChunkChoice(Shape):
    """The part of a choice in a chunk."""

    delta: ChatChoiceDelta
    index: int = 0
    finish_reason: str | None = None
    logprobs: ChatChoiceLogProbs | None = None


@dataclass
class ChatCompletionChunk(Shape):
    """A chunk of a streamed reply; the last one may have the usage and no choices."""

    choices: list[ChatChunkChoice]
    usage: TokenUsageStats | None = None
    id: str | None = None
    model: str | None = None
    object: str = "chat.completion.chunk"
    created: int = field(default_factory=_now)
    custom_outputs: JsonObject | None = None

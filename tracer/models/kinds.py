"""The kinds of models: input and output of each, whole and in pieces, and their recording."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import set_span_chat_messages, set_span_chat_tools
from tracer.models.chat import ChatCompletionChunk, ChatCompletionRequest, ChatCompletionResponse, ChatParams
from tracer.models.errors import ModelError
from tracer.models.input_checks import InputChecks
from tracer.models.joined_chunks import chunks_of, completion_of
from tracer.models.joined_events import events_of, response_of, with_head
from tracer.models.python_model import PythonModel, is_chat_model
from tracer.models.responses_agent import flat, is_responses_agent, request_of, validated
from tracer.models.shape import Shape, ValidationError, mapping_of

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

Tokens = dict[str, int]


class Kind(ABC):
    """Input and output of models of a kind; one object for each loaded model."""

    name: str
    span_type: str = semconv.SpanType.CHAIN

    def __init__(self, model: PythonModel) -> None:
        self._owner = type(model).__name__

    def recorded(self, data: object, params: JsonMapping | None) -> object:
        """The input as it is recorded. Raises ValidationError."""
        return data if params is None else {"data": data, "params": params}

    @abstractmethod
    def arguments(self, data: object, params: JsonMapping | None) -> tuple[object, object]:
        """Checked input and params for the model. Raises ValidationError."""

    @abstractmethod
    def output(self, answer: object) -> object:
        """The model's answer as plain values. Raises ModelError."""

    @abstractmethod
    def piece(self, piece: object) -> object:
        """A piece of a streamed answer as plain values. Raises ModelError."""

    def pieces_of(self, output: Any) -> Sequence[object]:
        """A whole answer as the pieces of a stream."""
        return [output]

    def joined(self, pieces: list[Any]) -> object:
        """The whole answer that pieces make up."""
        return pieces

    def describe_input(self, span: AnySpan, recorded: Any) -> None:  # noqa: B027 - some kinds have no conversation
        """Record the conversation and the tools of an input."""

    def describe_output(self, span: AnySpan, output: Any) -> Tokens:
        """Record the conversation of an output; returns the tokens that it reports, by attribute."""
        return {}

    def _shaped(self, shape: Any, value: object, method: str) -> JsonObject:
        try:
            found = shape.from_dict(value).to_dict() if issubclass(shape, Shape) else _dumped(shape, value)
        except ValidationError as error:
            raise ModelError(f"{self._owner}.{method} gave back no {shape.__name__}: {error}") from error
        return found


class PythonKind(Kind):
    """Any input and output."""

    name = "python"

    def __init__(self, model: PythonModel, signature: JsonObject) -> None:
        super().__init__(model)
        self._checks = InputChecks(model, signature)

    def arguments(self, data: object, params: JsonMapping | None) -> tuple[object, object]:
        """The arguments, checked by type hints or signature."""
        return self._checks.checked(data, params)

    def output(self, answer: object) -> object:
        """As it is."""
        return answer.to_dict() if isinstance(answer, Shape) else answer

    def piece(self, piece: object) -> object:
        """As it is."""
        return self.output(piece)


class ChatKind(Kind):
    """OpenAI's chat completions."""

    name = "chat"

    def recorded(self, data: object, params: JsonMapping | None) -> object:
        """The request with its parameters."""
        return _flat_chat(data, params)

    def arguments(self, data: object, params: JsonMapping | None) -> tuple[object, object]:
        """Messages and parameters."""
        request = _flat_chat(data, params)
        checked = ChatCompletionRequest.from_dict(request)
        if not checked.messages:
            raise ValidationError("messages", "is missing or empty, expected [{'role': 'user', 'content': '…'}]")
        rest = {key: value for key, value in request.items() if key != "messages"}
        return checked.messages, ChatParams.from_dict(rest)

    def output(self, answer: object) -> object:
        """A completion."""
        return self._shaped(ChatCompletionResponse, answer, "predict")

    def piece(self, piece: object) -> object:
        """A chunk."""
        return self._shaped(ChatCompletionChunk, piece, "predict_stream")

    def pieces_of(self, output: Any) -> Sequence[object]:
        """Two chunks."""
        return chunks_of(output)

    def joined(self, pieces: list[Any]) -> object:
        """The completion of chunks."""
        return completion_of(pieces)

    def describe_input(self, span: AnySpan, recorded: Any) -> None:
        """Messages and tools of a request."""
        set_span_chat_messages(span, recorded.get("messages"))
        if recorded.get("tools"):
            set_span_chat_tools(span, recorded["tools"])

    def describe_output(self, span: AnySpan, output: Any) -> Tokens:
        """Messages and usage of a completion."""
        choices = output.get("choices") or ()
        messages = [{**choice["message"], "finish_reason": choice.get("finish_reason")} for choice in choices]
        set_span_chat_messages(span, messages, append=True)
        return _tokens(output, ("prompt_tokens", "completion_tokens"))


class ResponsesKind(Kind):
    """OpenAI's Responses API."""

    name = "responses"
    span_type = semconv.SpanType.AGENT

    def recorded(self, data: object, params: JsonMapping | None) -> object:
        """The request with its parameters."""
        return flat(data, params)

    def arguments(self, data: object, params: JsonMapping | None) -> tuple[object, object]:
        """The request."""
        return request_of(data, params), None

    def output(self, answer: object) -> object:
        """A response."""
        from tracer.types.responses import ResponsesAgentResponse

        return with_head(self._shaped(ResponsesAgentResponse, answer, "predict"))

    def piece(self, piece: object) -> object:
        """An event."""
        from tracer.types.responses import ResponsesAgentStreamEvent

        return self._shaped(ResponsesAgentStreamEvent, piece, "predict_stream")

    def pieces_of(self, output: Any) -> Sequence[object]:
        """Events of whole items."""
        return events_of(output)

    def joined(self, pieces: list[Any]) -> object:
        """The response of events."""
        return response_of(pieces)

    def describe_input(self, span: AnySpan, recorded: Any) -> None:
        """Items and tools of a request."""
        set_span_chat_messages(span, recorded.get("input"))
        if recorded.get("tools"):
            set_span_chat_tools(span, recorded["tools"])

    def describe_output(self, span: AnySpan, output: Any) -> Tokens:
        """Items and usage of a response."""
        set_span_chat_messages(span, output.get("output"), append=True)
        return _tokens(output, ("input_tokens", "output_tokens"))


def kind_for(model: PythonModel, signature: JsonObject) -> Kind:
    """The kind of a model that was logged with this signature."""
    if is_chat_model(model):
        return ChatKind(model)
    return ResponsesKind(model) if is_responses_agent(model) else PythonKind(model, signature)


def kind_name(model: PythonModel) -> str:
    """The name of a model's kind, as its manifest has it."""
    return "chat" if is_chat_model(model) else "responses" if is_responses_agent(model) else "python"


def _dumped(shape: Any, value: object) -> JsonObject:
    dumped: JsonObject = validated(shape, value).model_dump(exclude_none=True)
    return dumped


def _tokens(reply: JsonObject, names: tuple[str, str]) -> Tokens:
    """The tokens of a reply's usage, whose names for input and output are given."""
    usage = reply.get("usage") or {}
    keys = zip((*names, "total_tokens"), ("input_tokens", "output_tokens", "total_tokens"), strict=True)
    return {semconv.TOKEN_USAGE[key]: usage[name] for name, key in keys if isinstance(usage.get(name), int)}


def _flat_chat(data: object, params: JsonMapping | None) -> JsonObject:
    """A chat request with its parameters, from a dict, a ChatCompletionRequest or a list of messages."""
    if isinstance(data, (list, tuple)):
        data = {"messages": list(data)}
    request = mapping_of(data)
    if request is None:
        raise ValidationError("", f"got {data!r:.80}, expected {{'messages': [{{'role': 'user', 'content': '…'}}]}}")
    more = {} if params is None else mapping_of(params)
    if more is None:
        raise ValidationError("params", f"is {params!r:.80}, expected a dict")
    return {**request, **more}

"""Models behind OpenAI's Responses API: a class with ``predict`` and, for streams, ``predict_stream``."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tracer._api.tracing import trace
from tracer._json import JsonMapping, JsonObject
from tracer.models.joined_events import response_of
from tracer.models.python_model import PythonModel
from tracer.models.shape import ValidationError, mapping_of
from tracer.semconv import SpanType

if TYPE_CHECKING:  # pydantic is loaded when an agent is asked
    from pydantic import BaseModel
    from pydantic import ValidationError as PydanticError

    from tracer.types.responses import ResponsesAgentRequest, ResponsesAgentResponse, ResponsesAgentStreamEvent

M = TypeVar("M", bound="BaseModel")


class ResponsesAgent(PythonModel):
    """A model behind OpenAI's Responses API: a list of messages and items in, items out.

    Methods may be coroutines (``predict_stream``: asynchronous generators). Called on the agent itself, they take dicts
    as well, and each call is a step of the trace.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("predict", "predict_stream"):
            own = cls.__dict__.get(name)
            if callable(own):
                setattr(cls, name, _Method(own))

    def predict(  # type: ignore[override]
        self, request: ResponsesAgentRequest
    ) -> ResponsesAgentResponse:
        """The reply to a request."""
        raise NotImplementedError(f"{type(self).__name__} has no predict(self, request)")

    def predict_stream(  # type: ignore[override]
        self, request: ResponsesAgentRequest
    ) -> Iterator[ResponsesAgentStreamEvent]:
        """The reply in events; without this method a stream has the whole items."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream(self, request)")

    # the makers of items are methods, too, as examples elsewhere write self.create_text_output_item(…)

    @staticmethod
    def create_text_delta(delta: str, item_id: str) -> JsonObject:
        """The event of a piece of a message's text."""
        return cast("JsonObject", _types().create_text_delta(delta, item_id))

    @staticmethod
    def create_annotation_added(item_id: str, annotation: JsonObject, annotation_index: int | None = 0) -> JsonObject:
        """The event of an annotation of a message's text."""
        return cast("JsonObject", _types().create_annotation_added(item_id, annotation, annotation_index))

    @staticmethod
    def create_text_output_item(text: str, id: str, annotations: list[JsonObject] | None = None) -> JsonObject:
        """A message of the assistant."""
        return cast("JsonObject", _types().create_text_output_item(text, id, annotations))

    @staticmethod
    def create_reasoning_item(id: str, reasoning_text: str) -> JsonObject:
        """The summary of a model's reasoning."""
        return cast("JsonObject", _types().create_reasoning_item(id, reasoning_text))

    @staticmethod
    def create_function_call_item(id: str, call_id: str, name: str, arguments: str) -> JsonObject:
        """A call of a function; ``arguments`` is JSON text."""
        return cast("JsonObject", _types().create_function_call_item(id, call_id, name, arguments))

    @staticmethod
    def create_function_call_output_item(call_id: str, output: str) -> JsonObject:
        """The result of a function call."""
        return cast("JsonObject", _types().create_function_call_output_item(call_id, output))

    @staticmethod
    def prep_msgs_for_cc_llm(responses_input: Iterable[JsonObject | BaseModel]) -> list[JsonObject]:
        """Items of a request as messages for a chat completions API."""
        return cast("list[JsonObject]", _types().to_chat_completions_input(responses_input))

    @staticmethod
    def output_to_responses_items_stream(
        chunks: Iterable[Any], aggregator: list[JsonObject] | None = None
    ) -> Iterator[ResponsesAgentStreamEvent]:
        """The events of a streamed chat completion; its whole items are added to ``aggregator`` as well."""
        return cast(
            "Iterator[ResponsesAgentStreamEvent]", _types().output_to_responses_items_stream(chunks, aggregator)
        )


class _Method:
    """A method of an agent: called on it, it takes dicts and is traced."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, agent: object, kind: type | None = None) -> Any:
        if agent is None:
            return self
        function = self.function
        step = trace(span_type=SpanType.AGENT, output_reducer=_reply_of)

        @functools.wraps(function)
        def call(request: object) -> Any:
            return step(function)(agent, request_of(request))

        bound = types.MethodType(function, agent)
        call.untraced = bound  # type: ignore[attr-defined]
        call.__signature__ = inspect.signature(bound)  # type: ignore[attr-defined]
        return call


def _reply_of(events: list[Any]) -> JsonObject:
    return response_of([event if isinstance(event, dict) else event.model_dump(exclude_none=True) for event in events])


def untraced(method: Callable[..., Any]) -> Callable[..., Any]:
    """A model's method without the step that an agent's has around it."""
    return cast("Callable[..., Any]", getattr(method, "untraced", method))


def is_responses_agent(model: PythonModel) -> bool:
    """Whether a model has the schema of the Responses API."""
    return isinstance(model, ResponsesAgent)


def request_of(value: object, params: JsonMapping | None = None) -> ResponsesAgentRequest:
    """A request from a dict, a text or a list of messages. Raises ValidationError."""
    kind = _types().ResponsesAgentRequest
    if isinstance(value, kind) and not params:
        return cast("ResponsesAgentRequest", value)
    return cast("ResponsesAgentRequest", validated(kind, flat(value, params)))


def flat(value: object, params: JsonMapping | None) -> JsonObject:
    """A request with its parameters as one dict. Raises ValidationError."""
    if isinstance(value, (str, list, tuple)):
        value = {"input": value}
    request = mapping_of(value)
    if request is None:
        raise ValidationError("", f"got {value!r:.80}, expected {{'input': [{{'role': 'user', 'content': '…'}}]}}")
    if "input" not in request and "messages" in request:
        raise ValidationError("input", "is missing; a ResponsesAgent takes 'input', not 'messages'")
    return {**{key: item for key, item in request.items() if item is not None}, **(params or {})}


def validated(shape: type[M], value: object) -> M:
    """A value as an object of this type. Raises ValidationError, which names the field."""
    from pydantic import ValidationError as PydanticError

    try:
        return shape.model_validate(value)
    except PydanticError as error:
        raise named(error) from None


def named(error: PydanticError, root: str = "") -> ValidationError:
    """The first problem that pydantic has found, with the path of its field."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = root
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return ValidationError(path, "is missing")
    return ValidationError(path, f"{problem[:1].lower()}{problem[1:]}; got {first['input']!r:.80}")


def _types() -> Any:
    from tracer.types import responses

    return responses

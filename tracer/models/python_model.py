"""Models that users write: a class with ``predict``, or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracer._json import JsonObject
from tracer.models.chat import ChatCompletionChunk, ChatCompletionResponse, ChatParams
from tracer.models.messages import ChatMessage

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class PythonModelContext:
    """Config of a loaded model, and the paths of its artifacts by name."""

    model_config: JsonObject = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)


class PythonModel:
    """A model of any input and output: write ``predict``, and optionally ``load_context`` and ``predict_stream``.

    ``predict(self, context, model_input, params=None)``; ``context`` and ``params`` may be left out of the signature.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Called once after the model was loaded: the place for clients and files."""

    def predict(self, context: PythonModelContext, model_input: Any, params: Any = None) -> Any:
        """The output for an input."""
        raise NotImplementedError(f"{type(self).__name__} has no predict(self, context, model_input, params=None)")

    def predict_stream(self, context: PythonModelContext, model_input: Any, params: Any = None) -> Iterator[Any]:
        """The output in pieces."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream(self, context, model_input, params)")


class ChatModel(PythonModel):
    """A model behind OpenAI's chat schema: messages and parameters in, a completion out.

    Methods may be coroutines (``predict_stream``: asynchronous generators).
    """

    def predict(  # type: ignore[override]
        self, context: PythonModelContext, messages: list[ChatMessage], params: ChatParams
    ) -> ChatCompletionResponse:
        """The completion for a conversation. ``params`` is always given; what a request leaves out is None."""
        raise NotImplementedError(f"{type(self).__name__} has no predict(self, context, messages, params)")

    def predict_stream(  # type: ignore[override]
        self, context: PythonModelContext, messages: list[ChatMessage], params: ChatParams
    ) -> Iterator[ChatCompletionChunk]:
        """The completion in chunks; without this method a stream has the whole reply in one chunk."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream(self, context, messages, params)")


class FunctionModel(PythonModel):
    """A function as a model: ``predict(model_input)`` or ``predict(model_input, params)``; it may be a coroutine."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function

    def predict(self, context: PythonModelContext, model_input: object, params: object = None) -> object:
        """The result of the function."""
        parameters = inspect.signature(self.function).parameters
        if "params" in parameters:
            return self.function(model_input, params=params)
        return self.function(model_input, params) if len(_needed(parameters)) > 1 else self.function(model_input)


def is_chat_model(model: PythonModel) -> bool:
    """Whether a model has the chat schema."""
    return isinstance(model, ChatModel)


def has_stream(model: PythonModel) -> bool:
    """Whether a model's class defines ``predict_stream``."""
    owner = next(kind for kind in type(model).__mro__ if "predict_stream" in vars(kind))
    return owner.__module__.partition(".")[0] != "tracer"


def is_async(model: PythonModel) -> bool:
    """Whether a model's ``predict`` is a coroutine."""
    predict = model.function if isinstance(model, FunctionModel) else model.predict
    return inspect.iscoroutinefunction(inspect.unwrap(predict))


def is_async_stream(model: PythonModel) -> bool:
    """Whether a model's ``predict_stream`` is an asynchronous generator."""
    return inspect.isasyncgenfunction(inspect.unwrap(model.predict_stream))


def arguments_for(
    method: Callable[..., object], context: PythonModelContext, model_input: object, params: object
) -> tuple[tuple[Any, ...], JsonObject]:
    """Arguments for a model's method: ``context`` and ``params`` only if its signature has them.

    As in MLflow the context may have any name: it is the first of two parameters apart from ``params``.
    """
    parameters = inspect.signature(method).parameters
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    needed = _needed(parameters)
    args = (context, model_input) if _takes_context(parameters) else (model_input,)
    if "params" in parameters:
        return args, {"params": params}
    return ((*args, params), {}) if takes_all or len(needed) > len(args) else (args, {})


def input_name(method: Callable[..., object]) -> str | None:
    """The name of the parameter that gets a model's input."""
    parameters = inspect.signature(method).parameters
    positional = [p.name for p in parameters.values() if p.kind in _POSITIONAL]
    place = 1 if _takes_context(parameters) else 0
    return positional[place] if len(positional) > place else None


def _takes_context(parameters: Mapping[str, inspect.Parameter]) -> bool:
    positional = [p.name for p in parameters.values() if p.kind in _POSITIONAL]
    others = [name for name in _needed(parameters) if name != "params"]
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    return takes_all or len(others) > 1 or positional[:1] == ["context"]


def _needed(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """The positional parameters that have no default."""
    return [p.name for p in parameters.values() if p.kind in _POSITIONAL and p.default is p.empty]

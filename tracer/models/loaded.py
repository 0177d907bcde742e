"""A loaded model: each answer, whole or streamed, is a trace."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tracer._background_loop import BackgroundLoop
from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.models.chat import ChatCompletionChunk, ChatCompletionRequest, ChatCompletionResponse, ChatParams
from tracer.models.errors import ModelError
from tracer.models.joined_chunks import chunks_of
from tracer.models.manifest import Manifest
from tracer.models.prediction import Prediction
from tracer.models.python_model import (
    PythonModel,
    PythonModelContext,
    arguments_for,
    has_stream,
    is_async,
    is_async_stream,
    is_chat_model,
)
from tracer.models.shape import Shape, ValidationError, mapping_of

_PARAMETERS = ChatParams.keys()


class LoadedModel:
    """A model that is ready for predictions. Use :func:`tracer.models.load_model` to get one."""

    takes_whole_inputs = True  # read by tracer.evaluate, on the object of a bound method

    def __init__(self, model: PythonModel, context: PythonModelContext, manifest: Manifest, folder: Path) -> None:
        self._model = model
        self._context = context
        self._loop = BackgroundLoop()
        self.manifest = manifest
        self.path = folder
        self.model_id = manifest.model_id
        self.name = manifest.name or type(model).__name__
        self.is_chat = is_chat_model(model)
        self.is_async = is_async(model)
        self.is_async_stream = is_async_stream(model)
        self.has_stream = has_stream(model)

    def __repr__(self) -> str:
        return f"LoadedModel({self.name!r}, model_id={self.model_id!r}, model={type(self._model).__name__})"

    def unwrap_python_model(self) -> PythonModel:
        """The object that the model's file set, or that was pickled."""
        return self._model

    # ---- whole answers ----

    def predict(self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None) -> Any:
        """The model's answer.

        A ChatModel takes ``{"messages": […], "max_tokens": 25, …}`` and returns the completion as a dict. Raises
        ValidationError, which names the field, ModelError if the model returns no completion, and the exceptions of
        the model. An asynchronous model runs in its own event loop, one for all calls. ``into`` is the result of
        :meth:`begin`.
        """
        prediction = into or self.begin()
        with prediction.ended_by_error():
            args, kwargs = self._arguments(prediction, self._model.predict, data, params)
            with prediction.here():
                answer = self._model.predict(*args, **kwargs)
                if inspect.isawaitable(answer):
                    answer = self._loop.run(answer)
            output = self._output(answer)
        prediction.end(output)
        return output

    async def apredict(
        self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None
    ) -> Any:
        """The same, for asynchronous programs; a synchronous model runs in a thread."""
        if not self.is_async:
            return await asyncio.to_thread(self.predict, data, params, into=into)
        prediction = into or self.begin()
        with prediction.ended_by_error():
            args, kwargs = self._arguments(prediction, self._model.predict, data, params)
            with prediction.here():
                answer = await self._model.predict(*args, **kwargs)
            output = self._output(answer)
        prediction.end(output)
        return output

    # ---- streams ----

    def predict_stream(
        self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None
    ) -> Iterator[Any]:
        """The model's answer in pieces; a ChatModel's are chunks of the chat schema, as dicts.

        If the model has no ``predict_stream``, the whole answer comes in one piece. Closing the iterator closes the
        model's generator.
        """
        if self.is_async_stream or (self.is_async and not self.has_stream):
            raise InvalidArgumentError("this model is asynchronous: write `async for … in model.apredict_stream(…)`")
        if not self.has_stream:
            yield from self._as_chunks(self.predict(data, params, into=into))
            return
        prediction = into or self.begin()
        with prediction.streaming() as chunks:
            args, kwargs = self._arguments(prediction, self._model.predict_stream, data, params)
            with prediction.here():
                stream = iter(self._model.predict_stream(*args, **kwargs))
            try:
                while True:
                    with prediction.here():
                        piece = next(stream, _END)
                    if piece is _END:
                        break
                    chunks.append(self._chunk(piece))
                    yield chunks[-1]
            except BaseException:
                with prediction.here():
                    _close(stream)
                raise

    async def apredict_stream(
        self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None
    ) -> AsyncIterator[Any]:
        """The same, for asynchronous programs; for models of either kind."""
        if not self.has_stream:
            for piece in self._as_chunks(await self.apredict(data, params, into=into)):
                yield piece
            return
        if not self.is_async_stream:
            pieces = self.predict_stream(data, params, into=into)
            try:
                while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
                    yield piece
            finally:
                await asyncio.to_thread(_close, pieces)
            return
        prediction = into or self.begin()
        with prediction.streaming() as chunks:
            args, kwargs = self._arguments(prediction, self._model.predict_stream, data, params)
            with prediction.here():
                stream: Any = self._model.predict_stream(*args, **kwargs)
            try:
                while True:
                    with prediction.here():
                        piece = await anext(stream, _END)
                    if piece is _END:
                        break
                    chunks.append(self._chunk(piece))
                    yield chunks[-1]
            except BaseException:
                with prediction.here():
                    await stream.aclose()
                raise

    # ---- inputs and outputs ----

    def begin(self) -> Prediction:
        """Start the trace of an answer; the methods above continue it if it is given as ``into``."""
        return Prediction(self.name, self.model_id, is_chat=self.is_chat)

    def _arguments(
        self, prediction: Prediction, method: Callable[..., object], data: object, params: JsonMapping | None
    ) -> tuple[tuple[Any, ...], JsonObject]:
        if not self.is_chat:
            prediction.set_inputs(data, params)
            return arguments_for(method, self._context, data, params)
        request = _flat(data, params)
        prediction.set_inputs(request)
        checked = ChatCompletionRequest.from_dict(request)
        if not checked.messages:
            raise ValidationError("messages", "is missing or empty, expected [{'role': 'user', 'content': '…'}]")
        params_given = ChatParams.from_dict({key: value for key, value in request.items() if key != "messages"})
        return arguments_for(method, self._context, checked.messages, params_given)

    def _output(self, answer: object) -> object:
        if not self.is_chat:
            return answer.to_dict() if isinstance(answer, Shape) else answer
        return self._shaped(ChatCompletionResponse, answer, "predict")

    def _chunk(self, piece: object) -> object:
        if not self.is_chat:
            return piece.to_dict() if isinstance(piece, Shape) else piece
        return self._shaped(ChatCompletionChunk, piece, "predict_stream")

    def _shaped(self, shape: type[Shape], value: object, method: str) -> JsonObject:
        try:
            return shape.from_dict(value).to_dict()
        except ValidationError as error:
            raise ModelError(f"{type(self._model).__name__}.{method} gave back no {shape.__name__}: {error}") from error

    def _as_chunks(self, output: Any) -> Sequence[object]:
        return chunks_of(output) if self.is_chat else [output]


_END = object()


def _flat(data: object, params: JsonMapping | None) -> JsonObject:
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


def _close(stream: object) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()

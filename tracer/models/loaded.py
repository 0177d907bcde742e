"""A loaded model: each answer, whole or streamed, is a trace."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tracer._background_loop import BackgroundLoop
from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.models.info import ModelInfo, info_of, input_example
from tracer.models.kinds import kind_for
from tracer.models.manifest import Manifest
from tracer.models.prediction import Prediction
from tracer.models.python_model import (
    PythonModel,
    PythonModelContext,
    arguments_for,
    has_stream,
    is_async,
    is_async_stream,
)
from tracer.models.responses_agent import untraced


class LoadedModel:
    """A model that is ready for predictions. Use :func:`tracer.models.load_model` to get one."""

    takes_whole_inputs = True  # read by tracer.evaluate, on the object of a bound method

    def __init__(self, model: PythonModel, context: PythonModelContext, manifest: Manifest, folder: Path) -> None:
        self._model = model
        self._predict = untraced(model.predict)  # the prediction is the step
        self._predict_stream = untraced(model.predict_stream)
        self._context = context
        self._loop = BackgroundLoop()
        self.kind = kind_for(model, manifest.signature)
        self.manifest = manifest
        self.path = folder
        self.model_id = manifest.model_id
        self.name = manifest.name or type(model).__name__
        self.is_async = is_async(model)
        self.is_async_stream = is_async_stream(model)
        self.has_stream = has_stream(model)

    def __repr__(self) -> str:
        return f"LoadedModel({self.name!r}, model_id={self.model_id!r}, model={type(self._model).__name__})"

    def unwrap_python_model(self) -> PythonModel:
        """The object that the model's file set, or that was pickled."""
        return self._model

    @property
    def metadata(self) -> ModelInfo:
        """Information recorded when the model was logged: its signature, metadata, flavors and so on."""
        return info_of(self.path, self.manifest)

    @property
    def model_config(self) -> JsonObject:
        """The config, with the values that were replaced when the model was loaded."""
        return self._context.model_config

    @property
    def input_example(self) -> Any:
        """The input of the example that the model was logged with, without its params; None if there is none."""
        return input_example(self.path, self.manifest)

    # ---- whole answers ----

    def predict(self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None) -> Any:
        """The model's answer.

        A ChatModel takes ``{"messages": […], "max_tokens": 25, …}`` and returns the completion as a dict, a
        ResponsesAgent ``{"input": […], …}`` and the response. A PythonModel's input is checked by its type hint, which
        it is converted to, or else by the signature. Raises ValidationError, which names the field, ModelError if the
        model returns no completion or response, and the exceptions of the model. An asynchronous model runs in its own
        event loop, one for all calls. ``into`` is the result of :meth:`begin`.
        """
        prediction = into or self.begin()
        with prediction.ended_by_error():
            args, kwargs = self._arguments(prediction, self._predict, data, params)
            with prediction.here():
                answer = self._predict(*args, **kwargs)
                if inspect.isawaitable(answer):
                    answer = self._loop.run(answer)
            output = self.kind.output(answer)
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
            args, kwargs = self._arguments(prediction, self._predict, data, params)
            with prediction.here():
                answer = await self._predict(*args, **kwargs)
            output = self.kind.output(answer)
        prediction.end(output)
        return output

    # ---- streams ----

    def predict_stream(
        self, data: object = None, params: JsonMapping | None = None, *, into: Prediction | None = None
    ) -> Iterator[Any]:
        """The model's answer in pieces; a ChatModel's are chunks of the chat schema, an agent's events, as dicts.

        If the model has no ``predict_stream``, the whole answer comes in one piece. Closing the iterator closes the
        model's generator.
        """
        if self.is_async_stream or (self.is_async and not self.has_stream):
            raise InvalidArgumentError("this model is asynchronous: write `async for … in model.apredict_stream(…)`")
        if not self.has_stream:
            yield from self.kind.pieces_of(self.predict(data, params, into=into))
            return
        prediction = into or self.begin()
        with prediction.streaming() as chunks:
            args, kwargs = self._arguments(prediction, self._predict_stream, data, params)
            with prediction.here():
                stream = iter(self._predict_stream(*args, **kwargs))
            try:
                while True:
                    with prediction.here():
                        piece = next(stream, _END)
                    if piece is _END:
                        break
                    chunks.append(self.kind.piece(piece))
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
            for piece in self.kind.pieces_of(await self.apredict(data, params, into=into)):
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
            args, kwargs = self._arguments(prediction, self._predict_stream, data, params)
            with prediction.here():
                stream: Any = self._predict_stream(*args, **kwargs)
            try:
                while True:
                    with prediction.here():
                        piece = await anext(stream, _END)
                    if piece is _END:
                        break
                    chunks.append(self.kind.piece(piece))
                    yield chunks[-1]
            except BaseException:
                with prediction.here():
                    await stream.aclose()
                raise

    # ---- inputs and outputs ----

    def begin(self) -> Prediction:
        """Start the trace of an answer; the methods above continue it if it is given as ``into``."""
        return Prediction(self.name, self.model_id, self.kind)

    def _arguments(
        self, prediction: Prediction, method: Callable[..., object], data: object, params: JsonMapping | None
    ) -> tuple[tuple[Any, ...], JsonObject]:
        prediction.set_inputs(self.kind.recorded(data, params))
        return arguments_for(method, self._context, *self.kind.arguments(data, params))


_END = object()


def _close(stream: object) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()

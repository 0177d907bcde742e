"""A model's answer to one request, whole or in pieces: in a thread, or in the event loop for asynchronous models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar

from tracer._json import JsonMapping
from tracer.models.loaded import LoadedModel
from tracer.models.prediction import Prediction
from tracer.models.serving_errors import timed_out
from tracer.models.serving_thread import RequestThread, RequestThreads

T = TypeVar("T")
_END = object()


class Answer:
    """The work of a model for one request. ``stop`` ends it if that is possible."""

    def __init__(
        self, model: LoadedModel, prediction: Prediction, threads: RequestThreads, timeout: float, *, streamed: bool
    ) -> None:
        self._model = model
        self._prediction = prediction
        self._threads = threads
        self._timeout = timeout
        self._in_loop = model.is_async_stream if streamed and model.has_stream else model.is_async
        self._thread: RequestThread | None = None
        self._stream: Any = None
        self._pending: asyncio.Future[Any] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self.is_cut_off = False  # the server ends before the answer is whole

    async def whole(self, data: object, params: JsonMapping | None) -> object:
        """The whole answer."""
        if self._in_loop:
            return await self._within(asyncio.ensure_future(self._model.apredict(data, params, into=self._prediction)))
        thread = await self._take_thread()
        return await self._within(thread.run(lambda: self._model.predict(data, params, into=self._prediction)))

    async def pieces(self, data: object, params: JsonMapping | None) -> AsyncIterator[object]:
        """The answer piece by piece; each may take as long as the timeout."""
        if self._in_loop:
            stream = self._model.apredict_stream(data, params, into=self._prediction)
            self._stream = stream
            while (piece := await self._within(asyncio.ensure_future(anext(stream, _END)))) is not _END:
                yield piece
            return
        thread = await self._take_thread()
        self._stream = self._model.predict_stream(data, params, into=self._prediction)
        while (piece := await self._within(thread.run(next, self._stream, _END))) is not _END:
            yield piece

    async def _take_thread(self) -> RequestThread:
        try:
            self._thread = await asyncio.wait_for(self._threads.take(), self._timeout)
        except asyncio.TimeoutError:
            error = timed_out(self._timeout)
            self._prediction.fail(error)
            raise error from None
        except BaseException as error:  # cancelled: the client has gone
            self._prediction.fail(error)
            raise
        return self._thread

    async def _within(self, future: asyncio.Future[T]) -> T:
        self._pending = future
        done, _ = await asyncio.wait({future}, timeout=self._timeout)
        if not done:
            error = timed_out(self._timeout)
            self._prediction.fail(error)  # the model may still run
            raise error
        self._pending = None
        return future.result()

    async def stop(self) -> None:
        """End the model's work: at once if it is asynchronous, else at its next piece."""
        if self._stopping is None:
            # a task of its own: the caller may be cancelled again and again
            self._stopping = asyncio.ensure_future(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self._thread is not None:
            if self._pending is not None:
                self._pending.add_done_callback(_forget)
                self._thread.is_given_up = True
            self._thread.end(*([self._stream.close] if self._stream is not None else []))
            return
        if self._pending is not None and not self._pending.done():
            self._pending.cancel()
            await asyncio.wait({self._pending})
            _forget(self._pending)
        if self._stream is not None:
            with suppress(Exception):
                await self._stream.aclose()


def _forget(future: asyncio.Future[object]) -> None:
    """Retrieve the exception of a future that is no longer awaited; it is in the trace."""
    if not future.cancelled():
        future.exception()

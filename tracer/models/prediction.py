"""One prediction as one trace: linked to its version, with inputs, outputs, tokens, and the calls below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracer import semconv
from tracer._engine.context import active_model, usage_watch
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import JsonObject
from tracer.messages import set_span_chat_messages, set_span_chat_tools
from tracer.models.joined_chunks import completion_of

_USAGE = {
    "prompt_tokens": semconv.TOKEN_USAGE["input_tokens"],
    "completion_tokens": semconv.TOKEN_USAGE["output_tokens"],
    "total_tokens": semconv.TOKEN_USAGE["total_tokens"],
}


class Prediction:
    """A call of a model, from inputs to outputs. Faults of tracing are logged; exceptions of the model are raised."""

    def __init__(self, name: str, model_id: str | None, *, is_chat: bool) -> None:
        self._model_id = model_id
        self._is_chat = is_chat
        self._calls: list[str] = []  # spans below that reported tokens
        with self._as_version():
            self.span = runtime().recorder.start_span(name, span_type=semconv.SpanType.CHAIN)
            self._link()

    def _link(self) -> None:
        """Link the trace around a prediction to this version if it is linked to none."""
        span = self.span
        if isinstance(span, LiveSpan) and not span.is_root and self._model_id and self._outer_model is None:
            runtime().recorder.append(
                {"kind": "trace", "trace_id": span.trace_id, "time": time.time_ns(), "model_id": self._model_id}
            )

    def tag(self, key: str, value: str) -> None:
        """Tag its trace, unless the prediction is a part of another one."""
        span = self.span
        if isinstance(span, LiveSpan) and span.is_root:
            runtime().recorder.append(
                {"kind": "trace", "trace_id": span.trace_id, "time": time.time_ns(), "tags": {key: value}}
            )

    @property
    def trace_id(self) -> str | None:
        """The id of its trace, None if nothing is recorded."""
        return self.span.trace_id if isinstance(self.span, LiveSpan) else None

    @contextmanager
    def _as_version(self) -> Iterator[None]:
        before = active_model.get()
        self._outer_model = runtime().recorder.active_model_id()
        if self._model_id is not None:
            active_model.set(self._model_id)
        try:
            yield
        finally:
            active_model.set(before)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Context for the model's own code: its spans are below this prediction and linked to the version."""
        watch_before = usage_watch.get()
        with self._as_version():
            try:
                usage_watch.set(self._calls)
                self.span.attach()
                yield
            finally:
                self.span.detach()
                usage_watch.set(watch_before)

    def set_inputs(self, data: object, params: object = None) -> None:
        """Record the inputs."""
        with guard("recording a prediction's inputs"):
            self.span.set_inputs(data if params is None else {"data": data, "params": params})
            if self._is_chat and isinstance(data, dict):
                set_span_chat_messages(self.span, data.get("messages"))
                if data.get("tools"):
                    set_span_chat_tools(self.span, data["tools"])

    def end(self, output: object) -> None:
        """Record the outputs, and end."""
        with guard("recording a prediction's outputs"):
            self.span.set_outputs(output)
            if self._is_chat and isinstance(output, dict):
                self._describe(output)
        self.span.end()

    @contextmanager
    def ended_by_error(self) -> Iterator[None]:
        """End with an exception that the model raises inside."""
        try:
            yield
        except BaseException as error:
            self.span.end_with_error(error)
            raise

    @contextmanager
    def streaming(self) -> Iterator[list[object]]:
        """A list for the chunks that the model streams inside; they are recorded at the end, also if it raises."""
        chunks: list[object] = []
        try:
            yield chunks
        except BaseException as error:
            self._end_stream(chunks, error)
            raise
        self._end_stream(chunks)

    def _end_stream(self, chunks: list[Any], error: BaseException | None = None) -> None:
        output: object = chunks
        with guard("putting a stream together"):
            if self._is_chat:
                output = completion_of(chunks)
        if error is None:
            self.end(output)
            return
        with guard("recording a prediction's outputs"):
            self.span.set_outputs(output)
        self.span.end_with_error(error)

    def _describe(self, output: JsonObject) -> None:
        choices = output.get("choices") or ()
        messages = [{**choice["message"], "finish_reason": choice.get("finish_reason")} for choice in choices]
        set_span_chat_messages(self.span, messages, append=True)
        usage = output.get("usage") or {}
        if self._calls:
            return  # the calls below have reported their tokens, which must not count twice
        for name, key in _USAGE.items():
            if isinstance(usage.get(name), int):
                self.span.set_attribute(key, usage[name])

    def fail(self, error: BaseException) -> None:
        """End with an exception of the model."""
        self.span.end_with_error(error)

"""One prediction as one trace: linked to its version, with inputs, outputs, tokens, and the calls below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracer._engine.context import active_model, usage_watch
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer.models.kinds import Kind


class Prediction:
    """A call of a model, from inputs to outputs. Faults of tracing are logged; exceptions of the model are raised."""

    def __init__(self, name: str, model_id: str | None, kind: Kind) -> None:
        self._model_id = model_id
        self._kind = kind
        self._calls: list[str] = []  # spans below that reported tokens
        with self._as_version():
            self.span = runtime().recorder.start_span(name, span_type=kind.span_type)
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

    def set_inputs(self, recorded: object) -> None:
        """Record the inputs."""
        with guard("recording a prediction's inputs"):
            self.span.set_inputs(recorded)
            self._kind.describe_input(self.span, recorded)

    def end(self, output: object) -> None:
        """Record the outputs, and end."""
        with guard("recording a prediction's outputs"):
            self.span.set_outputs(output)
            tokens = self._kind.describe_output(self.span, output)
            if not self._calls:  # else the calls below have reported their tokens, which must not count twice
                self.span.set_attributes(tokens)
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
            output = self._kind.joined(chunks)
        if error is None:
            self.end(output)
            return
        with guard("recording a prediction's outputs"):
            self.span.set_outputs(output)
        self.span.end_with_error(error)

    def fail(self, error: BaseException) -> None:
        """End with an exception of the model."""
        self.span.end_with_error(error)

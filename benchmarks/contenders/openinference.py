"""OpenInference: its provider, its tracer with the kinds of spans, its instrumentor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openinference.instrumentation import TracerProvider
from openinference.instrumentation.openai import OpenAIInstrumentor

from benchmarks.contenders.exports_to_nowhere import batching, last_recorded

__all__ = ["attributes_span", "autolog", "decorate", "flush", "last_recorded", "setup", "span"]

_provider = batching(TracerProvider())
_tracer = _provider.get_tracer("benchmark")


def setup(folder: Path) -> None:
    """Nothing more to do."""


def autolog() -> None:
    """As its README has it."""
    OpenAIInstrumentor().instrument(tracer_provider=_provider)


def attributes_span(values: Mapping[str, Any]) -> None:
    """A step of a chain with attributes."""
    with _tracer.start_as_current_span("step", openinference_span_kind="chain") as step:
        for key, value in values.items():
            step.set_attribute(key, value)


def span(inputs: Any, outputs: Any) -> None:
    """A step of a chain with inputs and outputs."""
    with _tracer.start_as_current_span("step", openinference_span_kind="chain") as step:
        step.set_input(inputs)
        step.set_output(outputs)


def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a step of a chain."""
    return _tracer.chain(function)


def flush() -> None:
    """Wait until the exporter has everything."""
    _provider.force_flush()

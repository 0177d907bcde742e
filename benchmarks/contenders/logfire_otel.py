"""Logfire, sending nothing to its service, with an exporter that drops what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import logfire
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.contenders.exports_to_nowhere import EXPORTER, last_recorded

__all__ = ["attributes_span", "autolog", "decorate", "flush", "last_recorded", "setup", "span"]


def setup(folder: Path) -> None:
    """Configure it without a token."""
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(EXPORTER)],
        data_dir=folder,
        config_dir=folder,
    )


def autolog() -> None:
    """As its page on OpenAI has it."""
    logfire.instrument_openai()


def attributes_span(values: Mapping[str, Any]) -> None:
    """A span with attributes."""
    with logfire.span("step") as step:
        for key, value in values.items():
            step.set_attribute(key, value)


def span(inputs: Any, outputs: Any) -> None:
    """A span with inputs and outputs."""
    with logfire.span("step", inputs=inputs) as step:
        step.set_attribute("outputs", outputs)


def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with what it returns."""
    return logfire.instrument("step", record_return=True)(function)


def flush() -> None:
    """Wait until the exporter has everything."""
    logfire.force_flush()

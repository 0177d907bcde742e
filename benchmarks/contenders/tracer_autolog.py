"""This library, as it comes: journal and SQLite store in the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import tracer
from tracer import flush, start_span
from tracer import shutdown as close
from tracer import trace as decorate

__all__ = [
    "attributes_span",
    "autolog",
    "bridged_span",
    "close",
    "count_stored",
    "decorate",
    "flush",
    "last_recorded",
    "setup",
    "span",
    "tree",
    "use_limit",
    "use_replay",
]


def setup(folder: Path) -> None:
    """Record into a store in the folder."""
    tracer.configure(store=f"sqlite:///{folder / 'tracer.db'}")


def autolog() -> None:
    """The one line of the quickstart."""
    tracer.openai.autolog()


def attributes_span(values: Mapping[str, Any]) -> None:
    """A block with attributes."""
    with start_span("step") as step:
        for key, value in values.items():
            step.set_attribute(key, value)


def span(inputs: Any, outputs: Any) -> None:
    """A block with inputs and outputs."""
    with start_span("step") as step:
        step.set_inputs(inputs)
        step.set_outputs(outputs)


def bridged_span(values: Mapping[str, Any]) -> None:
    """A span of OpenTelemetry's SDK, which the bridge records."""
    with _bridged().start_as_current_span("step") as step:
        for key, value in values.items():
            step.set_attribute(key, value)


@cache
def _bridged() -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    tracer.otel.autolog()
    trace.set_tracer_provider(TracerProvider())
    return trace.get_tracer("benchmark")


def use_replay(folder: Path, call: Callable[[], object]) -> None:
    """Record a call and replay it; both are over then."""
    with tracer.record(folder / "cassette.jsonl"):
        call()
    with tracer.replay(folder / "cassette.jsonl", record="new"):
        call()


def use_limit(folder: Path, call: Callable[[], object]) -> None:
    """Make a call within a limit that is over then."""
    with tracer.limit(cost=1_000.0, calls=1_000):
        call()


def tree(spans: int, inputs: Any, outputs: Any) -> None:
    """A block with blocks in it."""
    with start_span("root"):
        for _ in range(spans - 1):
            span(inputs, outputs)


def last_recorded() -> str:
    """The newest trace, as JSON."""
    return tracer.search_traces(max_results=1)[0].to_json()


def count_stored(folder: Path) -> int:
    """The traces in the store, with what still waits in the journals of processes that died."""
    setup(folder)
    return len(tracer.search_traces(max_results=100_000, include_spans=False))

"""A limit: a span of OpenTelemetry's SDK alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from benchmarks.contenders.exports_to_nowhere import batching, last_recorded

__all__ = ["attributes_span", "flush", "last_recorded", "setup"]

_provider = batching(TracerProvider())
_tracer = _provider.get_tracer("benchmark")


def setup(folder: Path) -> None:
    """Nothing more to do."""


def attributes_span(values: Mapping[str, Any]) -> None:
    """The span that the other figures are compared with."""
    with _tracer.start_as_current_span("step") as span:
        for key, value in values.items():
            span.set_attribute(key, value)


def flush() -> None:
    """Wait until the exporter has everything."""
    _provider.force_flush()

"""Langfuse: its own processor, with an exporter that drops what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langfuse import Langfuse
from langfuse import observe as decorate

from benchmarks.contenders.exports_to_nowhere import EXPORTER, last_recorded

__all__ = ["attributes_span", "autolog", "decorate", "flush", "last_recorded", "setup", "span"]

_client = Langfuse(public_key="pk-lf-0", secret_key="sk-lf-0", base_url="http://127.0.0.1:9", span_exporter=EXPORTER)


def setup(folder: Path) -> None:
    """Nothing more to do."""


def autolog() -> None:
    """Importing its replacement of ``openai`` patches the package."""
    import langfuse.openai  # noqa: F401


def attributes_span(values: Mapping[str, Any]) -> None:
    """An observation with metadata."""
    with _client.start_as_current_observation(name="step", as_type="span") as step:
        step.update(metadata=values)


def span(inputs: Any, outputs: Any) -> None:
    """An observation with input and output."""
    with _client.start_as_current_observation(name="step", as_type="span", input=inputs) as step:
        step.update(output=outputs)


def flush() -> None:
    """Wait until the exporter has everything."""
    _client.flush()

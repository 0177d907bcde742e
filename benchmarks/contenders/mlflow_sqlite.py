"""MLflow with an SQLite store, which is what it uses when it is told nothing else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "true"

import mlflow
from mlflow import flush_trace_async_logging as flush
from mlflow import start_span
from mlflow import trace as decorate

__all__ = ["attributes_span", "autolog", "count_stored", "decorate", "flush", "last_recorded", "setup", "span", "tree"]


def setup(folder: Path) -> None:
    """Record into an SQLite file in the folder."""
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("benchmark")


def autolog() -> None:
    """The one line of its quickstart."""
    mlflow.openai.autolog()


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


def tree(spans: int, inputs: Any, outputs: Any) -> None:
    """A block with blocks in it."""
    with start_span("root"):
        for _ in range(spans - 1):
            span(inputs, outputs)


def last_recorded() -> str:
    """The newest trace, as JSON."""
    return mlflow.search_traces(max_results=1, return_type="list")[0].to_json()


def count_stored(folder: Path) -> int:
    """The traces in the store."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        return int(database.execute("SELECT count(*) FROM trace_info").fetchone()[0])

"""MLflow with an SQLite store, or its server with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow

_MAX_TRACES = 100_000


def record_into(folder: Path, server: str) -> None:
    """Record into an SQLite file in the folder, or send to the server."""
    mlflow.set_tracking_uri(server or f"sqlite:///{folder / 'mlflow.db'}")


def record(name: str, work: Callable[[], object] = int) -> None:
    """A block, with work in it."""
    with mlflow.start_span(name):
        work()


def stored(folder: Path, server: str) -> list[str]:
    """All spans of all traces."""
    record_into(folder, server)
    traces = mlflow.search_traces(locations=["0"], max_results=_MAX_TRACES, return_type="list")
    return [span.name for trace in traces for span in trace.data.spans]


def serve(folder: Path, port: int) -> list[str]:
    """The tracking server."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    return ["-m", "mlflow", "server", "--port", str(port), "--workers", "1", "--backend-store-uri", store]

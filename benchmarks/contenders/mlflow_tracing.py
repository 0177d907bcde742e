"""MLflow's client for production, exporting OTLP over HTTP to the sink."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import urlopen

SINK = os.environ["BENCHMARK_SINK"]
os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{SINK}/v1/traces"
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["MLFLOW_TRACKING_URI"] = SINK  # with none it looks for local stores, which it cannot read
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "true"

from mlflow.tracing.provider import provider  # noqa: E402

from benchmarks.contenders.mlflow_sqlite import attributes_span, autolog, decorate, span  # noqa: E402

__all__ = ["attributes_span", "autolog", "decorate", "flush", "last_recorded", "setup", "span"]


def setup(folder: Path) -> None:
    """The variables above are all."""


def flush() -> None:
    """Wait until the sink has everything."""
    if (current := provider.get()) is not None:  # None until the first span
        current.force_flush()


def last_recorded() -> str:
    """What reached the sink last."""
    with urlopen(f"{SINK}/last") as answer:
        return str(answer.read().decode(errors="replace"))

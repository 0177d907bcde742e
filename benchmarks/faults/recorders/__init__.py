"""Who is compared. Beside this table there is one module for each, which runs in the contender's own environment.

``record_into(folder, server)``  begin to record: into the folder, or to a server at this URL
``record(name)``                 one span, which has ended when this returns
``stored(folder, server)``       the names of all spans that its public functions find, in a program of its own
``serve(folder, port)``          arguments for Python that run its server, with the store in the folder
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from types import ModuleType

from benchmarks.contenders import CONTENDERS, Contender


@dataclass(frozen=True)
class Recorder:
    """One that is put to the test."""

    contender: Contender  # its environment; ``module`` is the one beside this table
    configured: str  # a sentence for the docs page
    is_remote: bool = False  # can only send to a server, and keeps nothing itself
    journals: str = ""  # files in which it keeps records until they are stored: a pattern below the laboratory's folder

    def load(self) -> ModuleType:
        """Its functions; only in its own environment."""
        return importlib.import_module(f"benchmarks.faults.recorders.{self.contender.module}")


RECORDERS = {
    "tracer": Recorder(
        replace(CONTENDERS["tracer_autolog"], module="tracer_with_server", requires=(".", ".[server]")),
        "as it comes: journal and SQLite store on disk; its server is `tracer server`",
        journals="**/*.journal/*.journal",
    ),
    "mlflow": Recorder(
        CONTENDERS["mlflow_sqlite"],
        "as it comes: a queue in memory and an SQLite store; its server is `mlflow server`",
    ),
    "otlp": Recorder(
        Contender(
            "otlp_http",
            "opentelemetry-sdk",
            ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
            "",
            "",
        ),
        "a `BatchSpanProcessor` and the OTLP exporter over HTTP, as they come, to a server on loopback; it stands for "
        "all that export with these two: openinference, traceloop, langfuse, logfire",
        is_remote=True,
    ),
    "opik": Recorder(
        CONTENDERS["opik_http"],
        "as it comes, sending to a server on loopback, as to one that is hosted by oneself",
        is_remote=True,
    ),
}

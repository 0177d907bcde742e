"""Who is compared. Beside this table there is one module for each, which runs in the contender's own environment.

Such a module imports its library at its top and has these functions; what a contender cannot do it leaves out.

``setup(folder)``               begin to record; what is stored goes into the folder
``autolog()``                   record the calls of the ``openai`` package; or
``instrument(client)``          … of this client
``attributes_span(values)``     one span with these attributes, through its own API
``span(inputs, outputs)``       one span with inputs and outputs, through its own API
``bridged_span(values)``        … a span of OpenTelemetry's own SDK, which it records
``decorate(function)``          the function, each call of it recorded with arguments and result
``use_replay(folder, call)``    use a call in such a way, which is over when this returns; also ``use_limit``
``flush()``                     hand over what was recorded so far
``close()``                     what it wants to do when a program ends
``last_recorded()``             after ``flush``: the last record that arrived, as text
``count_stored(folder)``        for those that store locally: the traces that can be queried there
``tree(spans, inputs, outputs)``  … one trace of so many spans
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Contender:
    """One that is measured: what its users install, what they write, and how it is set up here."""

    module: str
    title: str  # as the tables name it
    requires: tuple[str, ...]  # what its documentation has a user install; "." is this checkout
    start: str  # what a program says to record its calls to OpenAI
    configured: str  # a sentence for the docs page
    is_peer: bool = True  # a limit is no peer
    is_storing: bool = False  # keeps what it recorded where it can be queried, on this machine

    def load(self) -> ModuleType:
        """Its functions; only in its own environment."""
        return importlib.import_module(f"benchmarks.contenders.{self.module}")


# what the others are compared with: always part of a run
LIMITS = ("bare_sdk", "raw_sqlite", "uninstrumented")
_EXPORTS = "a `BatchSpanProcessor` exports to nowhere"

CONTENDERS = {
    contender.module: contender
    for contender in (
        Contender(
            "tracer_autolog",
            "tracer",
            (".",),
            "import tracer; tracer.openai.autolog()",
            "as it comes: every setting at its default, journal and SQLite store on disk",
            is_peer=False,
            is_storing=True,
        ),
        Contender(
            "mlflow_sqlite",
            "mlflow",
            ("mlflow",),
            "import mlflow; mlflow.openai.autolog()",
            "its SQLite store, and `MLFLOW_ENABLE_ASYNC_TRACE_LOGGING=true` as its page on production asks for",
            is_storing=True,
        ),
        Contender(
            "mlflow_tracing",
            "mlflow-tracing",
            ("mlflow-tracing", "opentelemetry-exporter-otlp-proto-http"),
            "import mlflow; mlflow.openai.autolog()",
            "the package that its page on production has you install, exporting OTLP over HTTP to a server on loopback",
        ),
        Contender(
            "openinference",
            "openinference-instrumentation-openai",
            ("openinference-instrumentation-openai", "opentelemetry-sdk"),
            "from openinference.instrumentation.openai import OpenAIInstrumentor; OpenAIInstrumentor().instrument()",
            f"its own `TracerProvider`; {_EXPORTS}",
        ),
        Contender(
            "traceloop",
            "opentelemetry-instrumentation-openai",
            ("opentelemetry-instrumentation-openai", "opentelemetry-sdk"),
            "from opentelemetry.instrumentation.openai import OpenAIInstrumentor; OpenAIInstrumentor().instrument()",
            f"Traceloop's, content recorded as is its default; {_EXPORTS}",
        ),
        Contender(
            "otel_genai",
            "opentelemetry-instrumentation-genai-openai",
            ("--pre", "opentelemetry-instrumentation-genai-openai", "opentelemetry-sdk"),
            "from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor; "
            "OpenAIInstrumentor().instrument()",
            "OpenTelemetry's own; `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY`, "
            f"since it records no content by default; {_EXPORTS}",
        ),
        Contender(
            "langfuse_otel",
            "langfuse",
            ("langfuse",),
            "import langfuse.openai",
            "its own processor, which batches, with an exporter to nowhere given as `span_exporter`",
        ),
        Contender(
            "logfire_otel",
            "logfire",
            ("logfire",),
            "import logfire; logfire.configure(send_to_logfire=False, console=False); logfire.instrument_openai()",
            f"`send_to_logfire=False, console=False, inspect_arguments=False`; {_EXPORTS}",
        ),
        Contender(
            "opik_http",
            "opik",
            ("opik",),
            "from opik.integrations.openai import track_openai",
            "its own threads send to a server on loopback, as to one that is hosted by oneself",
        ),
        Contender(
            "bare_sdk",
            "opentelemetry-sdk",
            ("opentelemetry-sdk",),
            "",
            f"a limit: a span of the bare SDK; {_EXPORTS}",
            is_peer=False,
        ),
        Contender(
            "raw_sqlite",
            "sqlite3",
            (),
            "",
            "a limit: one table in write-ahead mode with one index, 512 rows a commit",
            is_peer=False,
            is_storing=True,
        ),
        Contender("uninstrumented", "uninstrumented", (), "", "a limit: the program alone", is_peer=False),
    )
}

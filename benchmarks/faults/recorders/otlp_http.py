"""OpenTelemetry's SDK with its exporter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.faults.receiver import RECEIVER, received

_provider = TracerProvider()
_tracer = _provider.get_tracer("faults")


def record_into(folder: Path, server: str) -> None:
    """Send to the server."""
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{server}/v1/traces")))


def record(name: str, work: Callable[[], object] = int) -> None:
    """A block, with work in it."""
    with _tracer.start_as_current_span(name):
        work()


def stored(folder: Path, server: str) -> list[str]:
    """What the server was sent."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in received(folder)]
    scopes = [scope for request in requests for resource in request.resource_spans for scope in resource.scope_spans]
    return [span.name for scope in scopes for span in scope.spans]


def serve(folder: Path, port: int) -> list[str]:
    """A server that keeps what it is sent."""
    return ["-m", RECEIVER, str(folder), str(port)]

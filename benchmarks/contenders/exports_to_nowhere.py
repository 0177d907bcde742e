"""What the contenders on OpenTelemetry share: an exporter that keeps the last span and drops the others."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class KeepsTheLast(SpanExporter):
    """Takes every batch, and remembers its last span."""

    last: ReadableSpan | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.last = spans[-1]
        return SpanExportResult.SUCCESS


EXPORTER = KeepsTheLast()


def batching(provider: TracerProvider) -> TracerProvider:
    """The provider, exporting in batches from a thread."""
    provider.add_span_processor(BatchSpanProcessor(EXPORTER))
    return provider


def last_recorded() -> str:
    """The last span that was exported, as JSON."""
    return EXPORTER.last.to_json() if EXPORTER.last else ""

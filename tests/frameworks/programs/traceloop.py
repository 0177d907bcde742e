"""The openai SDK with traceloop's instrumentation, below tracer's own steps."""

from __future__ import annotations

from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.openai_calls import *  # noqa: F403

OpenAIInstrumentor().instrument()

"""The openai SDK with OpenTelemetry's own instrumentation, below tracer's own steps."""

from __future__ import annotations

import os

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.openai_calls import *  # noqa: F403

OpenAIInstrumentor().instrument()
SENDS_CACHED = False
NOT_SENT = ("tools",)  # which were offered

"""The SDK's own OpenTelemetry spans, and ours of the same calls."""

from __future__ import annotations

from typing import Any

import tracer
from tests.mistral.conftest import ASKED
from tests.openai.replies import chat
from tests.openai.server import Server, reply


def test_a_call_that_the_sdk_makes_a_span_of_too_is_one_step(call: Any, server: Server) -> None:
    server.will(reply(chat()))
    tracer.otel.autolog()
    try:
        with tracer.start_span("agent"):
            call("chat.complete", **ASKED)
    finally:
        tracer.otel.autolog(disable=True)

    [found] = tracer.search_traces()
    assert [span.name for span in found.data.spans] == ["agent", "chat mistral-test"]

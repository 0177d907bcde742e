"""The SDK's own OpenTelemetry spans, and ours of the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import anthropic
import pytest

import tracer
from tests.anthropic.conftest import ASKED
from tests.anthropic.replies import lima, message
from tests.openai.server import Server, reply, sse

HAS_OWN_SPANS = find_spec("anthropic._tracing") is not None


@pytest.fixture(autouse=True)
def bridge(autolog: None) -> Iterator[None]:
    tracer.otel.autolog()
    yield
    tracer.otel.autolog(disable=True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_the_sdk_makes_a_span_of_too_is_one_step(
    call: Callable[..., Any], server: Server, stream: bool
) -> None:
    server.will(sse(*lima(), done=False) if stream else reply(message()))

    with tracer.start_span("agent"):
        call(stream=stream)

    [found] = tracer.search_traces()
    assert [span.name for span in found.data.spans] == ["agent", "chat claude-test"]


@pytest.mark.skipif(not HAS_OWN_SPANS, reason="this version of the SDK makes no spans")
def test_without_ours_the_sdks_own_span_is_the_step(call: Callable[..., Any], server: Server) -> None:
    tracer.anthropic.autolog(disable=True)
    server.will(reply(message()))

    call()

    [found] = tracer.search_traces()
    assert [(span.span_type, span.model) for span in found.data.spans] == [("CHAT_MODEL", "claude-test-2026")]


def test_the_helper_for_streams_is_one_step(client: anthropic.Anthropic, server: Server) -> None:
    server.will(sse(*lima(), done=False))

    with tracer.start_span("agent"), client.messages.stream(**ASKED) as stream:
        assert stream.get_final_text()

    [found] = tracer.search_traces()
    assert [span.name for span in found.data.spans] == ["agent", "chat claude-test"]

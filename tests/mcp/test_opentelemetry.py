"""A program with an OpenTelemetry provider of its own: the SDK's version 2 makes spans with it, and sends their ids."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp.shared._otel", reason="version 1 of the SDK makes no spans")

import asyncio

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span

from tests.mcp.conftest import Trees
from tests.mcp.servers import connected, make_server


def test_the_programs_own_traceparent_stays_and_our_trace_is_still_one(stored: Trees) -> None:
    theirs = TracerProvider().get_tracer("the program").start_span("request")
    names: list[str] = []

    async def main() -> None:
        async with connected(make_server()) as session:
            with use_span(theirs):
                result = await session.call_tool("what_came")
            names.append(result.content[0].text)
            await session.list_tools()

    asyncio.run(main())

    assert names == ["traceparent,tracestate"]
    asked, answered = stored.named("tools/call what_came")
    assert answered.parent_id == asked.span_id
    assert trace.format_trace_id(theirs.get_span_context().trace_id) not in asked.trace_id

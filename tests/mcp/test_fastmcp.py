"""The package `fastmcp`, whose clients and servers use the SDK, and make spans of their own with OpenTelemetry."""

from __future__ import annotations

import pytest

pytest.importorskip("fastmcp", reason="tests/run.py makes an environment with it")

import asyncio
from typing import Any

from fastmcp import Client, FastMCP

import tracer
from tests.mcp.conftest import Trees

TREE = [
    "agent UNKNOWN",
    "  tools/call get_weather TOOL",
    "    tools/call get_weather TOOL",
    "      look_up UNKNOWN",
]


def ask() -> Any:
    server = FastMCP("weather")

    @server.tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        with tracer.start_span("look_up"):
            return f"{city}: 21 degrees"

    @server.tool
    def fail() -> str:
        """Always fails."""
        raise ValueError("the sensor is broken")

    async def main() -> Any:
        async with Client(server) as client:
            with tracer.start_span("agent"):
                result = await client.call_tool("get_weather", {"city": "Lisbon"})
            await client.call_tool("fail", raise_on_error=False)
            return result

    return asyncio.run(main())


def test_its_client_and_server_are_one_trace(stored: Trees) -> None:
    result = ask()

    assert result.data == "Lisbon: 21 degrees"
    assert [line for line in stored.tree() if "tools/list" not in line][:4] == TREE


def test_its_tools_exception_is_on_the_servers_step(stored: Trees) -> None:
    ask()

    answered = stored.named("tools/call fail")[-1]
    assert [event.attributes["exception.message"] for event in answered.events] == ["the sensor is broken"]


def test_with_the_bridge_its_own_spans_are_no_second_steps(stored: Trees) -> None:
    tracer.otel.autolog()
    try:
        ask()
    finally:
        tracer.otel.autolog(disable=True)

    tree = [line for line in stored.tree() if "tools/list" not in line]
    assert tree == [*TREE, "tools/call fail TOOL", "  tools/call fail TOOL"]

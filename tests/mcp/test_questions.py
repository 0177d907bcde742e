"""Version 2: a server answers a call with a question, and the client asks again with the answer."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp.server.mcpserver", reason="version 1 of the SDK has no such results")

import asyncio
from typing import Any

import mcp.types as types
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer

import tracer
from tests.mcp.conftest import Trees


def test_the_question_and_the_call_that_follows_are_in_the_trace_of_the_first(stored: Trees) -> None:
    server = MCPServer("asking")
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}

    @server.tool()
    async def hello(ctx: Context) -> str | types.InputRequiredResult:  # type: ignore[type-arg, unused-ignore]
        """Greets the user."""
        if ctx.input_responses is None:
            params = types.ElicitRequestFormParams(message="Who?", requested_schema=schema)
            return types.InputRequiredResult(input_requests={"who": types.ElicitRequest(params=params)})
        return "hello"

    async def answer(_context: Any, _params: Any) -> Any:
        with tracer.start_span("ask the user"):
            return types.ElicitResult(action="accept", content={"name": "Ann"})

    async def main() -> None:
        async with Client(server, elicitation_callback=answer) as client:
            result = await client.call_tool("hello")
            assert result.content[0].text == "hello"

    asyncio.run(main())

    assert [line for line in stored.tree() if "tools/list" not in line] == [
        "tools/call hello TOOL",
        "  tools/call hello TOOL",
        "  elicitation/create TASK",
        "    ask the user UNKNOWN",
        "  tools/call hello TOOL",
        "    tools/call hello TOOL",
    ]

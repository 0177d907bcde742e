"""The server that the tests ask, with either version of the SDK, and a client's session with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mcp.types as types
from mcp import ClientSession
from mcp.shared.memory import create_client_server_memory_streams

try:
    from mcp.server.mcpserver import Context, MCPServer
except ImportError:  # version 1
    from mcp.server.fastmcp import Context  # type: ignore[no-redef]
    from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[no-redef]


def look_up(city: str) -> str:
    """A function of the program's own that a tool calls."""
    return f"{city}: 21 degrees"


def make_server() -> Any:
    server = MCPServer("weather")

    @server.tool()
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return traced(look_up)(city)

    @server.tool()
    async def fail() -> str:
        """Always fails."""
        raise ValueError("the sensor is broken")

    @server.tool()
    async def wait() -> str:
        """Never answers."""
        await asyncio.sleep(60)
        return "late"

    @server.tool()
    async def count(ctx: Context) -> str:  # type: ignore[type-arg, unused-ignore]
        """Reports its progress."""
        await ctx.report_progress(1, 2)
        return "counted"

    @server.tool()
    async def what_came(ctx: Context) -> str:  # type: ignore[type-arg, unused-ignore]
        """The names in the request's _meta."""
        meta = ctx.request_context.meta
        names = meta if isinstance(meta, dict) else {} if meta is None else meta.model_dump(exclude_none=True)
        return ",".join(sorted(str(name) for name in names if "/" not in str(name)))

    @server.tool()
    async def summarize(ctx: Context) -> str:  # type: ignore[type-arg, unused-ignore]
        """Asks the client's model."""
        text = types.TextContent(type="text", text="Sum it up.")
        asked = types.SamplingMessage(role="user", content=text)
        answer = await ctx.session.create_message([asked], max_tokens=10, related_request_id=ctx.request_id)
        return str(answer.content.text)

    @server.resource("notes://today")
    def today() -> str:
        """A note."""
        return "Buy milk."

    @server.prompt()
    def greet(name: str) -> str:
        """A greeting."""
        return f"Say hello to {name}."

    return server


def traced(function: Any) -> Any:
    """A function as a step of its own, where the server is traced."""
    import sys

    return sys.modules["tracer"].trace(function) if "tracer" in sys.modules else function


def lowlevel(server: Any) -> Any:
    return getattr(server, "_lowlevel_server", None) or server._mcp_server


@asynccontextmanager
async def connected(server: Any, **callbacks: Any) -> AsyncIterator[ClientSession]:
    """A session with a server in this process."""
    inner = lowlevel(server)
    async with create_client_server_memory_streams() as (client, served):
        serving = asyncio.create_task(inner.run(*served, inner.create_initialization_options()))
        async with ClientSession(*client, **callbacks) as session:
            await session.initialize()
            yield session
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def is_error(result: Any) -> bool:
    return bool(result.is_error if hasattr(result, "is_error") else result.isError)

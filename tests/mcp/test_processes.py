"""A client and a server in processes of their own, over stdio and over HTTP."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp", reason="tests/run.py makes an environment with it")

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client import streamable_http

import tracer
from tests.mcp.conftest import Trees
from tests.openai.server import unreachable_port

PROGRAM = str(Path(__file__).parent / "program.py")
http_client: Any = getattr(streamable_http, "streamable_http_client", None) or streamable_http.streamablehttp_client
ONE_TRACE = [
    "agent UNKNOWN",
    "  tools/call get_weather TOOL",
    "    tools/call get_weather TOOL",
    "      look_up UNKNOWN",
]


@asynccontextmanager
async def over_stdio(*store: str) -> AsyncIterator[ClientSession]:
    server = StdioServerParameters(command=sys.executable, args=[PROGRAM, "stdio", "0", *store])
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


@contextmanager
def serving(*store: str) -> Iterator[str]:
    port = unreachable_port()
    with subprocess.Popen([sys.executable, PROGRAM, "streamable-http", str(port), *store]) as server:
        try:
            url = f"http://127.0.0.1:{port}/mcp"
            wait_for(url)
            yield url
        finally:
            server.terminate()


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[ClientSession]:
    async with http_client(url) as (read, write, *_), ClientSession(read, write) as session:
        await session.initialize()
        yield session


def ask(open_session: Any) -> Any:
    async def main() -> Any:
        async with open_session as session:
            await session.list_tools()
            with tracer.start_span("agent"):
                return await session.call_tool("get_weather", {"city": "Lisbon"})

    return asyncio.run(main())


def test_over_stdio_both_processes_write_one_trace(stored: Trees, store_url: str) -> None:
    result = ask(over_stdio(store_url))

    assert result.content[0].text == "Lisbon: 21 degrees"
    assert stored.tree() == ONE_TRACE


def test_over_http_both_processes_write_one_trace_with_the_session(stored: Trees, store_url: str) -> None:
    with serving(store_url) as url:
        ask(over_http(url))

    assert stored.tree() == ONE_TRACE
    asked, answered = stored.named("tools/call get_weather")
    assert asked.attributes["mcp.session.id"] == answered.attributes["mcp.session.id"]
    assert (asked.attributes["server.address"], asked.attributes["network.transport"]) == ("127.0.0.1", "tcp")


def test_a_server_without_tracer_answers_as_before(stored: Trees) -> None:
    result = ask(over_stdio())

    assert result.content[0].text == "Lisbon: 21 degrees"
    assert stored.tree() == ONE_TRACE[:2]


def test_a_client_without_tracer_gets_its_answer_and_the_server_writes_a_trace_of_its_own(
    stored: Trees, store_url: str
) -> None:
    tracer.disable()
    result = ask(over_stdio(store_url))
    tracer.enable()

    assert result.content[0].text == "Lisbon: 21 degrees"
    assert stored.tree() == ["tools/call get_weather TOOL", "  look_up UNKNOWN"]


def test_with_the_bridge_on_both_sides_each_request_is_there_once(stored: Trees, store_url: str) -> None:
    tracer.otel.autolog()
    try:
        ask(over_stdio(store_url, "otel"))
    finally:
        tracer.otel.autolog(disable=True)

    assert [line for line in stored.tree() if "tools/list" not in line] == ONE_TRACE

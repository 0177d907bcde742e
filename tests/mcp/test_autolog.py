"""Switching on and off, before and after the import."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp", reason="tests/run.py makes an environment with it")

import asyncio
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mcp.client.session
import mcp.client.streamable_http

import tracer
from tests.docs.test_examples import EXAMPLES
from tests.mcp.conftest import Trees
from tests.mcp.servers import connected, make_server
from tests.originals import contents_of

ROOT = Path(__file__).resolve().parents[2]
IS_FIRST = find_spec("mcp.shared.session") is not None  # version 1 of the SDK

if IS_FIRST:
    from mcp.shared.session import BaseSession, RequestResponder

    PATCHED = (BaseSession, RequestResponder, mcp.client.streamable_http.StreamableHTTPTransport)
else:
    from mcp.client.session import ClientSession
    from mcp.server.runner import ServerRunner
    from mcp.shared.direct_dispatcher import DirectDispatcher
    from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher

    PATCHED = (JSONRPCDispatcher, DirectDispatcher, ServerRunner, ClientSession)


def test_disable_puts_back_the_very_originals() -> None:
    tracer.mcp.autolog(disable=True)
    before = contents_of(*PATCHED)

    tracer.mcp.autolog()
    tracer.mcp.autolog()
    assert contents_of(*PATCHED) != before
    tracer.mcp.autolog(disable=True)

    assert contents_of(*PATCHED) == before


def test_disable_in_the_middle_of_a_session_ends_the_recording(stored: Trees) -> None:
    async def main() -> None:
        async with connected(make_server()) as session:
            await session.read_resource("notes://today")
            tracer.mcp.autolog(disable=True)
            await session.read_resource("notes://today")

    asyncio.run(main())

    assert stored.tree() == ["resources/read RETRIEVER", "  resources/read RETRIEVER"]


@pytest.mark.skipif(IS_FIRST, reason="the page shows version 2")
def test_the_examples_of_its_page_run(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("\n\n".join(EXAMPLES["mcp.md"]))
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(
        [sys.executable, page], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 0, ran.stderr


def test_autolog_before_the_import_records_as_well_and_imports_nothing(store_url: str) -> None:
    program = f"""
import asyncio, sys
import tracer
tracer.configure(store={store_url!r})
tracer.mcp.autolog()
assert "mcp" not in sys.modules
from tests.mcp.servers import connected, make_server

async def main():
    async with connected(make_server()) as session:
        await session.read_resource("notes://today")

asyncio.run(main())
[trace] = tracer.search_traces()
print([span.name for span in trace.data.spans])
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ran.stdout.strip() == "['resources/read', 'resources/read']", ran.stderr
    assert "tracer does not record" not in ran.stderr

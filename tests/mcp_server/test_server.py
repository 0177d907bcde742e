"""Coding agents ask the server by the official client, over standard input and output and over HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest

import tracer
from tests.waiting import until

pytestmark = pytest.mark.skipif(find_spec("mcp") is None, reason="the package mcp is not installed")

Ask = Callable[..., str]


def asked(store_url: str, conversation: Callable[[Any], Awaitable[None]]) -> None:
    """Have a conversation with the server, as an agent's client starts it."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    async def run() -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(tracer.__file__).resolve().parents[1])}
        parameters = StdioServerParameters(
            command=sys.executable, args=["-m", "tracer", "mcp", "--store", store_url], env=environment
        )
        with anyio.fail_after(60):
            async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                await conversation(session)

    anyio.run(run)


async def call(session: Any, tool: str, /, **arguments: object) -> str:
    result = await session.call_tool(tool, arguments)
    (content,) = result.content
    text = str(content.text)
    failed = result.model_dump(by_alias=True)["isError"]
    return f"error: {text}" if failed else text


def agent(question: str, *, fails: bool = False) -> str:
    """A trace of an agent, its model and a tool; the trace's id."""
    with tracer.start_span("agent", span_type="AGENT") as root:
        root.set_inputs({"question": question})
        with tracer.start_span("chat gpt-4o-mini", span_type="CHAT_MODEL") as span:
            tracer.set_span_chat_messages(span, [{"role": "user", "content": question}])
            span.set_attributes({"gen_ai.usage.input_tokens": 84, "gen_ai.usage.output_tokens": 22})
        try:
            with tracer.start_span("search", span_type="TOOL") as span:
                span.set_inputs({"order": 4711})
                if fails:
                    raise TimeoutError("no answer from 10.0.0.7 within 30 s")
        except TimeoutError:
            root.set_outputs("Sorry.")
    return str(root.trace_id)


def test_an_agent_finds_the_failing_step_of_a_trace_in_three_calls(store_url: str) -> None:
    agent("Where is my order?")
    failing = agent("Can I send it back?", fails=True)
    agent("Thanks")
    tracer.flush()

    async def conversation(session: Any) -> None:
        found = await call(session, "group_errors")
        assert "1 time in 1 trace" in found
        assert "TimeoutError: no answer" in found
        trace_id = re.findall(r"traces: (\w+)", found)[0]
        assert trace_id == failing

        shown = await call(session, "get_trace", trace_id=trace_id)
        (number,) = re.findall(r"Failed steps: (\d+)", shown)

        step = await call(session, "get_step", trace_id=trace_id, step=number)
        assert '{"order":4711}' in step
        assert "Traceback" in step

    asked(store_url, conversation)


def test_every_question_is_answered_and_wrong_ones_say_what_is_right(store_url: str) -> None:
    first = agent("Where is my order?")
    agent("Can I send it back?", fails=True)
    tracer.flush()

    async def conversation(session: Any) -> None:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert sorted(tools) == [
            "add_to_dataset", "audit", "compare_traces", "get_step", "get_trace", "give_feedback", "group_errors",
            "search_traces", "statistics",
        ]  # fmt: skip
        assert all(tool.description for tool in tools.values())

        listed = await call(session, "search_traces", filter="text CONTAINS 'order'", limit=1)
        assert "Where is my order?" in listed
        page = re.findall(r"page_token=(\S+)", await call(session, "search_traces", limit=1))[0]
        assert "Where is my order?" in await call(session, "search_traces", limit=1, page_token=page)
        assert await call(session, "search_traces", filter="name = 'nobody'") == "No trace meets the filter."
        assert "search" in await call(session, "statistics", group_by="name")

        assert first in await call(session, "get_trace", trace_id=first[:10])
        by_name = await call(session, "get_step", trace_id=first, step="chat gpt-4o-mini")
        assert "84 tokens in" in by_name

        for name, arguments, told in (
            ("search_traces", {"filter": "colour = 'red'"}, "colour"),
            ("get_trace", {"trace_id": "nonsense"}, "expected a trace id"),
            ("get_step", {"trace_id": first, "step": "99"}, "there are steps 1 to 3"),
            ("statistics", {"group_by": "colour"}, "expected one of model"),
        ):
            answer = await call(session, name, **arguments)
            assert answer.startswith("error: ")
            assert told in answer

        kept = await call(
            session, "give_feedback", trace_id=first, name="correct", value=False, rationale="no order id"
        )
        assert first in kept

    asked(store_url, conversation)

    (given,) = tracer.get_trace(first).info.assessments
    assert (given.name, given.value, given.rationale) == ("correct", False, "no order id")
    assert given.source.source_type == "LLM_JUDGE"


def test_an_agent_adds_traces_to_a_dataset(store_url: str) -> None:
    first, again = agent("Where is my order?"), agent("Where is my order?")
    with tracer.start_span("empty"):
        pass
    tracer.log_expectation(trace_id=first, name="expected_response", value="At your door.")
    tracer.flush()

    async def conversation(session: Any) -> None:
        added = await call(session, "add_to_dataset", trace_id=first[:10], dataset="orders")
        assert added == f"Trace {first} is a new row of dataset 'orders', which has 1 row."
        merged = await call(session, "add_to_dataset", trace_id=again, dataset="orders")
        assert merged == f"Trace {again} was merged with a row of dataset 'orders', which has 1 row."
        empty = await call(session, "add_to_dataset", trace_id="latest", dataset="others")
        assert empty.startswith("error: ")
        assert "has no inputs" in empty
        assert "expected a text that is not empty" in await call(session, "add_to_dataset", trace_id=first, dataset=" ")

    asked(store_url, conversation)

    (row,) = tracer.genai.get_dataset("orders").records
    assert (row.inputs, row.expectations) == (
        {"question": "Where is my order?"},
        {"expected_response": "At your door."},
    )
    assert row.trace_id == again
    assert [dataset.name for dataset in tracer.genai.search_datasets()] == ["orders"]


def test_a_large_trace_fits_and_keeps_its_failed_steps(store_url: str) -> None:
    with tracer.start_span("root") as root:
        for number in range(2_000):
            try:
                with tracer.start_span(f"step {number}"):
                    if number == 1_500:
                        raise ValueError("the one that matters")
            except ValueError:
                continue
        with tracer.start_span("long") as span:
            span.set_outputs("word " * 20_000)
    tracer.flush()

    async def conversation(session: Any) -> None:
        shown = await call(session, "get_trace", max_tokens=1000)
        assert len(shown) < 4_500
        assert "ValueError: the one that matters" in shown
        assert "are left out" in shown

        part = await call(session, "get_step", trace_id=root.trace_id, step="long", max_tokens=500)
        assert len(part) < 2_100
        offset = int(re.findall(r"offset=(\d+)", part)[0])
        assert "word" in await call(session, "get_step", trace_id=root.trace_id, step="long", offset=offset)

    asked(store_url, conversation)


def test_the_server_answers_over_http_on_this_machine_alone(store_url: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    agent("Where is my order?")
    tracer.flush()
    command = [sys.executable, "-m", "tracer", "mcp", "--store", store_url, "--port", "5197"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert server.stderr.readline() == "http://127.0.0.1:5197/mcp\n"

            async def run() -> str:
                with anyio.fail_after(30):
                    async with (
                        streamable_http_client("http://127.0.0.1:5197/mcp") as streams,
                        ClientSession(*streams[:2]) as session,
                    ):
                        await session.initialize()
                        return await call(session, "get_trace")

            answers: list[str] = []

            def is_answered() -> bool:
                try:
                    answers.append(anyio.run(run))
                except BaseException:
                    return False
                return True

            assert until(is_answered)
            assert "3 steps" in answers[0]
        finally:
            server.terminate()


@pytest.mark.parametrize("client", ["claude", "cursor", "vscode", "gemini", "codex"])
@pytest.mark.no_store
def test_install_writes_an_agents_settings_and_keeps_what_is_there(client: str, tmp_path: Path) -> None:
    files = {
        "claude": ".mcp.json", "cursor": ".cursor/mcp.json", "vscode": ".vscode/mcp.json",
        "gemini": ".gemini/settings.json", "codex": "home/config.toml",
    }  # fmt: skip
    file = tmp_path / files[client]
    file.parent.mkdir(exist_ok=True)
    file.write_text('model = "o3"\n' if client == "codex" else '{"theme": "dark", "mcpServers": {"other": {}}}')

    def run() -> str:
        environment = {
            **os.environ,
            "CODEX_HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(Path(tracer.__file__).resolve().parents[1]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "tracer", "mcp", "--store", "traces.db", "install", client],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = run()

    written = file.read_text()
    assert said.startswith("Written to ")
    if client == "codex":
        assert written.startswith('model = "o3"\n\n[mcp_servers.tracer]\n')
        assert f"command = {json.dumps(sys.executable)}" in written
    else:
        settings = json.loads(written)
        entry = settings["servers" if client == "vscode" else "mcpServers"]["tracer"]
        assert settings["theme"] == "dark"
        assert settings["mcpServers"]["other"] == {}
        assert [entry["command"], *entry["args"]] == [sys.executable, "-m", "tracer", "mcp", "--store", "traces.db"]
    assert run().startswith("It stands already in ")
    assert file.read_text() == written


@pytest.mark.no_store
def test_settings_that_cannot_be_read_are_left_alone_and_the_entry_is_told(tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    file = tmp_path / ".vscode" / "mcp.json"
    file.write_text("{\n  // mine\n}")

    done = subprocess.run(
        [sys.executable, "-m", "tracer", "mcp", "install", "vscode"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(tracer.__file__).resolve().parents[1])},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "is not plain JSON" in done.stderr
    assert '"command"' in done.stderr
    assert file.read_text() == "{\n  // mine\n}"


def test_an_agent_is_told_where_two_traces_part_and_what_was_spent_without_need(store_url: str) -> None:
    good, bad = agent("Where is my order?"), agent("Where is my order?", fails=True)
    tracer.flush()

    async def conversation(session: Any) -> None:
        parted = await call(session, "compare_traces", a=good, b="latest")
        assert "They part at agent > search:" in parted
        assert "status" in parted
        assert "TimeoutError: no answer" in parted
        assert bad in parted
        assert "2 calls in 2 traces" in await call(session, "audit")
        assert "FilterSyntaxError" not in await call(session, "audit", filter="status =")

    asked(store_url, conversation)

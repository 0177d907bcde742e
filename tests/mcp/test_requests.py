"""Requests between a client and a server: their steps, inputs, outputs and errors."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp", reason="tests/run.py makes an environment with it")

import asyncio
from typing import Any

import mcp.types as types

import tracer
from tests.mcp.conftest import Trees
from tests.mcp.servers import connected, is_error, make_server


def ask(work: Any, **callbacks: Any) -> Any:
    """The result of ``work(session)``, with a server in this process."""

    async def main() -> Any:
        async with connected(make_server(), **callbacks) as session:
            return await work(session)

    return asyncio.run(main())


def test_a_tool_call_is_one_trace_of_client_server_and_what_the_tool_calls(stored: Trees) -> None:
    async def work(session: Any) -> None:
        with tracer.start_span("agent"):
            await session.call_tool("get_weather", {"city": "Lisbon"})

    ask(work)

    tree = [line for line in stored.tree() if "tools/list" not in line]
    assert tree == [
        "agent UNKNOWN",
        "  tools/call get_weather TOOL",
        "    tools/call get_weather TOOL",
        "      look_up UNKNOWN",
    ]


def test_both_sides_have_arguments_result_and_the_attributes_of_the_conventions(stored: Trees) -> None:
    ask(lambda session: session.call_tool("get_weather", {"city": "Lisbon"}))

    asked, answered = stored.named("tools/call get_weather")
    for span in (asked, answered):
        assert span.inputs == {"city": "Lisbon"}
        assert span.outputs in ("Lisbon: 21 degrees", {"result": "Lisbon: 21 degrees"})
        assert span.attributes["mcp.method.name"] == "tools/call"
        assert span.attributes["gen_ai.tool.name"] == "get_weather"
        assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert asked.attributes["jsonrpc.request.id"] == answered.attributes["jsonrpc.request.id"]


def test_a_tool_that_fails_is_an_error_on_both_sides_and_its_exception_is_on_the_servers(stored: Trees) -> None:
    result = ask(lambda session: session.call_tool("fail"))

    assert is_error(result)
    asked, answered = stored.named("tools/call fail")
    assert (asked.status, asked.attributes["error.type"]) == ("ERROR", "tool_error")
    assert (answered.status, answered.attributes["error.type"]) == ("ERROR", "tool_error")
    [event] = answered.events
    assert event.attributes["exception.message"] == "the sensor is broken"


def test_an_error_of_the_protocol_has_its_code(stored: Trees) -> None:
    async def work(session: Any) -> Any:
        try:
            await session.read_resource("notes://tomorrow")
        except Exception as error:  # McpError, or MCPError in version 2
            return error

    error = ask(work)

    for span in stored.named("resources/read"):
        assert span.status == "ERROR"
        assert span.attributes["error.type"] == span.attributes["rpc.response.status_code"] == str(error.error.code)


def test_resources_and_prompts_are_steps(stored: Trees) -> None:
    async def work(session: Any) -> None:
        await session.list_resources()
        await session.read_resource("notes://today")
        await session.list_prompts()
        await session.get_prompt("greet", {"name": "Ann"})

    ask(work)

    assert stored.tree() == [
        "resources/list TASK",
        "  resources/list TASK",
        "resources/read RETRIEVER",
        "  resources/read RETRIEVER",
        "prompts/list TASK",
        "  prompts/list TASK",
        "prompts/get greet TASK",
        "  prompts/get greet TASK",
    ]
    read, prompt = stored.named("resources/read")[0], stored.named("prompts/get greet")[1]
    assert read.attributes["mcp.resource.uri"] == read.inputs["uri"] == "notes://today"
    assert read.outputs["contents"][0]["text"] == "Buy milk."
    assert (prompt.inputs, prompt.attributes["gen_ai.prompt.name"]) == ({"name": "Ann"}, "greet")
    assert prompt.outputs["messages"][0]["content"]["text"] == "Say hello to Ann."


def test_listing_the_tools_is_a_step_of_something_and_no_trace_of_its_own(stored: Trees) -> None:
    async def work(session: Any) -> None:
        await session.list_tools()
        with tracer.start_span("agent"):
            await session.list_tools()

    ask(work)

    assert stored.tree() == ["agent UNKNOWN", "  tools/list TASK", "    tools/list TASK"]


def test_calls_side_by_side_keep_their_places(stored: Trees) -> None:
    async def work(session: Any) -> None:
        async def one(city: str) -> None:
            with tracer.start_span(city):
                await session.call_tool("get_weather", {"city": city})

        await session.list_tools()
        await asyncio.gather(*(one(city) for city in ("Lima", "Oslo", "Rome")))

    ask(work)

    spans = {span.span_id: span for span in stored.spans}
    for step in (span for span in spans.values() if span.name == "look_up"):
        answered = spans[step.parent_id]
        asked = spans[answered.parent_id]
        assert spans[asked.parent_id].name == asked.inputs["city"] == answered.inputs["city"] == step.inputs["city"]


def test_a_cancelled_call_is_cancelled_and_no_error(stored: Trees) -> None:
    async def work(session: Any) -> None:
        call = asyncio.create_task(session.call_tool("wait"))
        await asyncio.sleep(0.2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    ask(work)

    asked, *answered = stored.named("tools/call wait")
    assert (asked.status, asked.attributes["tracer.incomplete"]) == ("UNSET", "cancelled")
    assert [span.status for span in answered] == ["UNSET"]  # a client of version 1 does not tell the server


@pytest.mark.filterwarnings("ignore:The sampling capability is deprecated")
def test_a_model_that_the_server_asks_the_client_for_is_in_the_same_trace(stored: Trees) -> None:
    async def sample(_context: Any, _params: Any) -> Any:
        with tracer.start_span("model of the client"):
            text = types.TextContent(type="text", text="Short.")
            return types.CreateMessageResult(role="assistant", content=text, model="tiny")

    ask(lambda session: session.call_tool("summarize"), sampling_callback=sample)

    tree = [line for line in stored.tree() if "tools/list" not in line]
    assert tree == [
        "tools/call summarize TOOL",
        "  tools/call summarize TOOL",
        "    sampling/createMessage TASK",
        "      sampling/createMessage TASK",
        "        model of the client UNKNOWN",
    ]


def test_progress_arrives_and_a_meta_of_the_programs_own_stays(stored: Trees) -> None:
    seen: list[float] = []

    async def note(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    async def work(session: Any) -> Any:
        await session.call_tool("count", {}, progress_callback=note)
        given = types.CallToolRequestParams(name="what_came", arguments={}, _meta={"mine": "1"})
        request = types.CallToolRequest(method="tools/call", params=given)
        wrapped = types.ClientRequest(request) if hasattr(types.ClientRequest, "model_fields") else request
        return await session.send_request(wrapped, types.CallToolResult)

    result = ask(work)

    assert seen == [1.0]
    assert result.content[0].text == "mine,traceparent"


def test_nothing_is_sent_along_while_tracer_is_off(stored: Trees) -> None:
    tracer.disable()
    result = ask(lambda session: session.call_tool("what_came"))
    tracer.enable()

    assert result.content[0].text == ""
    assert stored.spans == []

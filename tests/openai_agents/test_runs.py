"""A run is one tree, and each call of its models is in it once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, FunctionTool, RunConfig, Runner, custom_span, function_tool, trace, tracing
from agents.tracing import (
    get_trace_provider,
    mcp_tools_span,
    span_data,
    speech_group_span,
    speech_span,
    transcription_span,
)

import tracer
from tests.openai.server import Server
from tests.openai_agents.answers import calls, says
from tests.openai_agents.conftest import Client, make_model
from tests.trees import Trees, lines, messages_of

needs_turns = pytest.mark.skipif(
    not hasattr(span_data, "TurnSpanData"), reason="this version of the SDK has no turn spans"
)


@tracer.trace(span_type="RETRIEVER")
def look_up(city: str) -> str:
    return f"Sunny in {city}."


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return look_up(city)


def helper(api: str) -> Callable[[Client], Agent[Any]]:
    return lambda client: Agent(name="Helper", instructions="Be brief.", model=make_model(api, client), tools=[weather])


def test_a_run_with_a_tool_call(server: Server, stored: Trees, ask: Any, api: str, way: str) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says("It is sunny."))

    result = ask(way, helper(api), "Weather in Lima?")

    assert result.final_output == "It is sunny."
    assert stored.tree() == [
        "Agent workflow WORKFLOW",
        "  Helper AGENT",
        "    chat gpt-4o CHAT_MODEL",
        "    weather TOOL",
        "      look_up RETRIEVER",
        "    chat gpt-4o CHAT_MODEL",
    ]
    assert len(stored.calls) == len(server.asked) == 2
    assert {span.status for span in stored.spans if span.name != "look_up"} == {"UNSET"}
    run, agent, tool = stored.named("Agent workflow"), stored.named("Helper"), stored.named("weather")
    assert (run.inputs, run.outputs) == ("Weather in Lima?", "It is sunny.")
    assert (agent.inputs, agent.outputs) == ("Weather in Lima?", "It is sunny.")
    assert (tool.inputs, tool.outputs) == ({"city": "Lima"}, "Sunny in Lima.")
    assert agent.attributes["tracer.agent.tools"] == ["weather"]
    assert agent.attributes["tracer.agent.output_type"] == "str"


def test_a_model_call_has_the_request_usage_and_reply_of_the_openai_provider(
    server: Server, stored: Trees, ask: Any, api: str, way: str
) -> None:
    server.will(says())

    ask(way, helper(api), "Capital of Peru?")

    [call] = stored.calls
    assert call.attributes["http.response.status_code"] == 200
    assert call.inputs == server.asked[0].json
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert messages_of(call, "gen_ai.tool.definitions")
    assert call.token_usage is not None
    assert bool(call.attributes.get("tracer.stream.chunks")) == (way == "run_streamed")
    assert stored.trace().info.token_usage == call.token_usage


@needs_turns
def test_turns(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says())

    ask(way, helper("responses"))

    assert stored.tree(turns=True) == [
        "Agent workflow WORKFLOW",
        "  Helper AGENT",
        "    turn 1 TASK",
        "      chat gpt-4o CHAT_MODEL",
        "      weather TOOL",
        "        look_up RETRIEVER",
        "    turn 2 TASK",
        "      chat gpt-4o CHAT_MODEL",
    ]


@pytest.mark.skipif(
    "include_task_and_turn_spans" not in getattr(getattr(tracing, "TracingConfig", None), "__annotations__", {}),
    reason="this version of the SDK has no such setting",
)
def test_include_task_and_turn_spans_off_leaves_turns_out(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says())

    ask(way, helper("responses"), run_config=RunConfig(tracing={"include_task_and_turn_spans": False}))

    assert stored.tree(turns=True) == ["Agent workflow WORKFLOW", "  Helper AGENT", "    chat gpt-4o CHAT_MODEL"]


def test_a_handoff(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("transfer_to_helper", {})), says("Sunny."))

    def triage(client: Client) -> Agent[Any]:
        return Agent(name="Triage", model=make_model("responses", client), handoffs=[helper("responses")(client)])

    ask(way, triage, [{"role": "user", "content": "Weather?"}])

    assert stored.tree() == [
        "Agent workflow WORKFLOW",
        "  Triage AGENT",
        "    chat gpt-4o CHAT_MODEL",
        "    handoff to Helper HANDOFF",
        "  Helper AGENT",
        "    chat gpt-4o CHAT_MODEL",
    ]
    handoff, first, second = stored.named("handoff to Helper"), stored.named("Triage"), stored.named("Helper")
    assert (handoff.inputs, handoff.outputs) == ({"from": "Triage"}, {"to": "Helper"})
    assert first.attributes["tracer.agent.handoffs"] == ["Helper"]
    assert (first.inputs, first.outputs) == ([{"role": "user", "content": "Weather?"}], {"handoff": "Helper"})
    assert (second.inputs, second.outputs) == (None, "Sunny.")


def test_an_agent_as_a_tool(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("ask_helper", {"input": "Lima"})), says("Sunny."), says("It is sunny."))

    def manager(client: Client) -> Agent[Any]:
        tool = helper("responses")(client).as_tool("ask_helper", "Asks about the weather.")
        return Agent(name="Manager", model=make_model("responses", client), tools=[tool])

    ask(way, manager)

    assert stored.tree() == [
        "Agent workflow WORKFLOW",
        "  Manager AGENT",
        "    chat gpt-4o CHAT_MODEL",
        "    ask_helper TOOL",
        "      Agent workflow WORKFLOW",
        "        Helper AGENT",
        "          chat gpt-4o CHAT_MODEL",
        "    chat gpt-4o CHAT_MODEL",
    ]
    assert (stored.named("ask_helper").outputs, stored.named("Helper").outputs) == ("Sunny.", "Sunny.")
    assert len(stored.calls) == len(server.asked) == 3


def test_parallel_runs_do_not_cross(server: Server, in_loop: Any) -> None:
    server.will(
        lambda asked: (says() if "function_call_output" in str(asked.json) else calls(("weather", {"city": "A"})))(
            asked
        )
    )

    async def scenario(client: Client) -> None:
        async def streamed(agent: Agent[Any]) -> None:
            async for _ in Runner.run_streamed(agent, "Weather?").stream_events():
                pass

        agents = [Agent(name=f"Agent {i}", model=make_model("responses", client), tools=[weather]) for i in range(8)]
        await asyncio.gather(*(Runner.run(a, "Weather?") if i % 2 else streamed(a) for i, a in enumerate(agents)))

    in_loop(scenario)

    found = [tracer.get_trace(t.info.trace_id) for t in tracer.search_traces(max_results=100)]
    assert sorted(tuple(lines(t.data.spans)) for t in found) == [
        (
            "Agent workflow WORKFLOW",
            f"  Agent {i} AGENT",
            "    chat gpt-4o CHAT_MODEL",
            "    weather TOOL",
            "      look_up RETRIEVER",
            "    chat gpt-4o CHAT_MODEL",
        )
        for i in range(8)
    ]
    assert len(server.asked) == 16


def test_a_run_hangs_below_the_users_own_function(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says())

    @tracer.trace
    def answer() -> Any:
        return ask(way, helper("responses")).final_output

    answer()

    assert stored.tree() == [
        "answer UNKNOWN",
        "  Agent workflow WORKFLOW",
        "    Helper AGENT",
        "      chat gpt-4o CHAT_MODEL",
    ]


def test_workflow_name_group_id_as_session_and_trace_metadata(
    server: Server, stored: Trees, ask: Any, way: str
) -> None:
    server.will(says())
    config = RunConfig(workflow_name="Support", group_id="chat-7", trace_metadata={"team": "sales", "try": 2})

    ask(way, helper("responses"), run_config=config)

    info = stored.trace().info
    assert stored.tree()[0] == "Support WORKFLOW"
    assert info.session_id == "chat-7"
    assert {"team": "sales", "try": "2"}.items() <= info.trace_metadata.items()
    assert str(stored.named("Support").attributes["tracer.openai_agents.trace_id"]).startswith("trace_")


def test_a_trace_of_the_program_holds_its_runs_and_custom_spans(server: Server, stored: Trees, in_loop: Any) -> None:
    server.will(says())

    async def scenario(client: Client) -> None:
        agent = helper("responses")(client)
        with trace("Order", group_id="g", metadata={"a": 1}):
            await Runner.run(agent, "one")
            async for _ in Runner.run_streamed(agent, "two").stream_events():
                pass
            with custom_span("check", {"order": 5}) as span:
                span.span_data.data["output"] = {"fine": True}

    in_loop(scenario)

    below = ["  Agent workflow WORKFLOW", "    Helper AGENT", "      chat gpt-4o CHAT_MODEL"]
    assert stored.tree() == ["Order WORKFLOW", *below, *below, "  check UNKNOWN"]
    assert (stored.named("check").inputs, stored.named("check").outputs) == ({"order": 5}, {"fine": True})
    assert (stored.trace().info.session_id, stored.trace().info.trace_metadata["a"]) == ("g", "1")


def test_a_span_can_be_given_its_parent(stored: Trees) -> None:
    with trace("Order") as order:
        with custom_span("first") as first:
            pass
        with custom_span("second") as second:
            custom_span("below second", parent=second).start()
            with custom_span("aside", parent=order):
                pass
    assert first.ended_at is not None

    assert stored.tree() == [
        "Order WORKFLOW",
        "  first UNKNOWN",
        "  second UNKNOWN",
        "    below second UNKNOWN",
        "  aside UNKNOWN",
    ]
    assert stored.named("below second").attributes["tracer.incomplete"] == "dropped"


def test_structured_output_with_an_output_type(server: Server, stored: Trees, ask: Any, api: str) -> None:
    import pydantic

    class Capital(pydantic.BaseModel):
        city: str

    server.will(says('{"city": "Lima"}'))

    ask("run", lambda client: Agent(name="A", model=make_model(api, client), output_type=Capital))

    assert stored.named("Agent workflow").outputs == {"city": "Lima"}
    assert stored.named("A").attributes["tracer.agent.output_type"] == "Capital"


def test_transcription_speech_and_mcp_server_spans(stored: Trees) -> None:
    with trace("Voice"):
        with transcription_span(model="whisper", input="UklGRg==", output="Weather?"):
            pass
        with speech_group_span(input="Sunny.") as group:
            pass
        with speech_span(parent=group, model="tts", input="Sunny."):
            pass
        with mcp_tools_span(server="files", result=["read", "write"]):
            pass

    assert stored.tree() == [
        "Voice WORKFLOW",
        "  transcription TASK",
        "  speech group TASK",
        "  speech TASK",
        "  list tools of files TASK",
    ]
    assert stored.named("transcription").outputs == "Weather?"
    assert stored.named("transcription").attributes["gen_ai.request.model"] == "whisper"
    assert stored.named("speech").inputs == "Sunny."
    assert stored.named("list tools of files").outputs == ["read", "write"]


def test_a_span_of_an_unknown_kind(stored: Trees) -> None:
    class Dream(span_data.SpanData):
        type = "dream"

        def export(self) -> dict[str, Any]:
            return {"type": "dream", "of": "sheep"}

    with trace("Night"), get_trace_provider().create_span(Dream()):
        pass

    assert stored.tree() == ["Night WORKFLOW", "  dream UNKNOWN"]
    assert stored.named("dream").outputs == {"type": "dream", "of": "sheep"}


@pytest.mark.skipif(
    "needs_approval" not in FunctionTool.__dataclass_fields__, reason="this version of the SDK asks for no approval"
)
def test_interruptions_of_a_run_that_waits_for_approval_and_is_resumed(server: Server, in_loop: Any) -> None:
    @function_tool(needs_approval=True)
    def launch(target: str) -> str:
        """Launches."""
        return "launched"

    server.will(calls(("launch", {"target": "moon"})), says("Done."))

    async def scenario(client: Client) -> None:
        agent: Agent[Any] = Agent(name="A", model=make_model("responses", client), tools=[launch])
        waiting = await Runner.run(agent, "Go")
        state = waiting.to_state()
        state.approve(waiting.interruptions[0])
        await Runner.run(agent, state)

    in_loop(scenario)

    found = tracer.search_traces(order_by=["timestamp ASC"])
    first, second = (tracer.get_trace(each.info.trace_id).data.spans for each in found)
    assert first[0].outputs == {"interruptions": [{"tool": "launch", "arguments": '{"target": "moon"}'}]}
    assert (second[0].inputs, second[0].outputs) == ("Go", "Done.")
    assert [span.outputs for span in second if span.span_type == "TOOL"] == ["launched"]

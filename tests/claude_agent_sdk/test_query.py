"""One query: the agent, its model calls, tools and subagents as one tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

import claude_agent_sdk
from claude_agent_sdk import AgentDefinition, AssistantMessage, ResultMessage

import tracer
from tests.claude_agent_sdk.conftest import Scripted
from tests.claude_agent_sdk.script import (
    LIMA,
    MODEL,
    SESSION,
    assistant,
    counted,
    got,
    init,
    result,
    says,
    stream_ends,
    streamed,
    text,
    thinking,
    uses,
    waits,
)
from tests.trees import Trees, messages_of

CALL = f"chat {MODEL} CHAT_MODEL"


def test_a_query_is_an_agent_with_its_model_call(ask: Any, stored: Trees) -> None:
    messages = ask(*LIMA, system_prompt="Be brief.")

    assert [type(message) for message in messages if isinstance(message, (AssistantMessage, ResultMessage))] == [
        AssistantMessage,
        ResultMessage,
    ]
    assert stored.tree() == ["Claude agent AGENT", f"  {CALL}"]
    agent, [call] = stored.named("Claude agent"), stored.calls
    assert (agent.inputs, agent.outputs, agent.status) == ("Capital of Peru?", "Lima.", "UNSET")
    assert agent.attributes["gen_ai.conversation.id"] == SESSION
    assert stored.trace().info.session_id == SESSION
    assert messages_of(call, "gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}
    ]
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert messages_of(call, "gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert call.attributes["gen_ai.provider.name"] == "anthropic"
    assert call.attributes["gen_ai.response.model"] == MODEL
    assert call.attributes["gen_ai.response.id"] == "msg_1"
    assert agent.start_time_ns <= call.start_time_ns <= call.end_time_ns <= agent.end_time_ns


def test_tokens_and_cost_are_those_of_the_result_and_count_once(ask: Any, stored: Trees) -> None:
    ask(*LIMA)

    info = stored.trace().info
    expected = {
        "input_tokens": 1104, "output_tokens": 12, "cache_read_input_tokens": 1000, "cache_write_input_tokens": 100,
        "total_tokens": 1116,
    }  # fmt: skip
    assert info.token_usage == expected
    assert info.cost["total_cost"] == pytest.approx(0.02)
    assert stored.calls[0].token_usage == expected


def test_a_message_that_comes_in_parts_is_one_call(ask: Any, stored: Trees) -> None:
    ask(
        waits(), init(), assistant(thinking("Peru …")), assistant(text("Let me look.")),
        assistant(uses("toolu_1", "Bash", command="ls")), got("toolu_1", "map.txt"),
        assistant(text("Lima."), id="msg_2", stop="end_turn"),
        result(models={MODEL: counted(input=8, read=2000, written=200, output=40)}, cost=0.04),
    )  # fmt: skip

    assert stored.tree() == [
        "Claude agent AGENT",
        f"  {CALL}",
        "  Bash TOOL",
        f"  {CALL}",
        f"  other tokens of {MODEL} TASK",
    ]
    first, second = stored.calls
    assert [part["type"] for part in messages_of(first, "gen_ai.output.messages")[0]["parts"]] == [
        "reasoning",
        "text",
        "tool_call",
    ]
    assert messages_of(second, "gen_ai.input.messages") == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "toolu_1", "response": "map.txt"}]}
    ]
    # the output of the first call was not counted yet when its message came
    assert "output_tokens" not in first.token_usage
    assert second.token_usage["output_tokens"] == 12
    rest = stored.named(f"other tokens of {MODEL}")
    assert rest.token_usage == {"output_tokens": 28, "total_tokens": 28}
    assert stored.trace().info.token_usage["output_tokens"] == 40
    assert stored.trace().info.cost["total_cost"] == pytest.approx(0.04)


def test_tokens_of_a_message_whose_first_tool_ends_before_it_count_once(ask: Any, stored: Trees) -> None:
    ask(
        waits(), init(), assistant(uses("toolu_1", "Bash", command="ls")), got("toolu_1", "map.txt"),
        assistant(uses("toolu_2", "Bash", command="pwd")), got("toolu_2", "/"),
        assistant(text("Lima."), id="msg_2"),
        result(models={MODEL: counted(input=8, read=2000, written=200, output=40)}),
    )  # fmt: skip

    assert [call.token_usage and call.token_usage["input_tokens"] for call in stored.calls] == [1104, None, 1104]
    assert stored.named(f"other tokens of {MODEL}").token_usage == {"output_tokens": 40, "total_tokens": 40}


def test_statistics_by_model_have_what_claude_code_counted(ask: Any, stored: Trees) -> None:
    haiku = "claude-haiku-4-5-20251001"
    ask(
        waits(), init(), assistant(uses("toolu_1", "Bash", command="ls")), got("toolu_1", "map.txt"),
        assistant(text("Lima."), id="msg_2"),
        result(
            models={
                f"{MODEL}[1m]": counted(input=8, read=2000, written=200, output=40),
                haiku: counted(input=300, read=0, written=0, output=9, cost=0.001),
            }
        ),
    )  # fmt: skip

    sums: dict[str, list[int]] = {}
    for span in stored.spans:
        if span.model:
            counts = sums.setdefault(span.model, [0, 0])
            counts[0] += span.token_usage.get("input_tokens", 0)
            counts[1] += span.token_usage.get("output_tokens", 0)
    assert sums == {MODEL: [2208, 40], haiku: [300, 9]}
    assert stored.trace().info.token_usage["input_tokens"] == 2508


def test_tools_have_their_inputs_results_and_errors(ask: Any, stored: Trees) -> None:
    ask(
        waits(), init(),
        assistant(uses("toolu_1", "Read", file_path="a.txt"), uses("toolu_2", "mcp__files__list", folder="/")),
        got("toolu_2", [text("a.txt"), text("b.txt")]), got("toolu_1", "No such file.", is_error=True),
        assistant(text("Lima."), id="msg_2"), result(),
    )  # fmt: skip

    read, listed = stored.named("Read"), stored.named("mcp__files__list")
    assert (read.span_type, read.inputs, read.outputs, read.status) == (
        "TOOL", {"file_path": "a.txt"}, "No such file.", "ERROR",
    )  # fmt: skip
    assert read.attributes["gen_ai.tool.call.id"] == "toolu_1"
    assert (listed.outputs, listed.status) == ("a.txt\nb.txt", "UNSET")
    assert listed.attributes["tracer.mcp.server"] == "files"


def test_a_subagent_is_below_the_tool_that_starts_it(ask: Any, stored: Trees) -> None:
    agents = {"geographer": AgentDefinition(description="Knows maps.", prompt="You know maps.")}
    ask(
        waits(), init(),
        assistant(uses("toolu_1", "Task", subagent_type="geographer", prompt="Find it.", description="find")),
        assistant(uses("toolu_2", "Bash", command="ls"), id="sub_1", parent="toolu_1"),
        got("toolu_2", "map.txt", parent="toolu_1"),
        assistant(text("It is Lima."), id="sub_2", parent="toolu_1"),
        got("toolu_1", [text("It is Lima.")]),
        assistant(text("Lima."), id="msg_2"), result(),
        agents=agents,
    )  # fmt: skip

    assert [line for line in stored.tree() if "other tokens" not in line] == [
        "Claude agent AGENT",
        f"  {CALL}",
        "  Task TOOL",
        "    geographer AGENT",
        f"      {CALL}",
        "      Bash TOOL",
        f"      {CALL}",
        f"  {CALL}",
    ]
    sub = stored.named("geographer")
    assert (sub.inputs, sub.outputs) == ("Find it.", [text("It is Lima.")])
    first = next(call for call in stored.calls if call.parent_id == sub.span_id)
    assert messages_of(first, "gen_ai.system_instructions") == [{"type": "text", "content": "You know maps."}]
    assert messages_of(first, "gen_ai.input.messages")[0]["parts"] == [{"type": "text", "content": "Find it."}]


def test_a_subagent_in_the_background_goes_on_after_its_tool_and_its_turn(ask: Any, stored: Trees) -> None:
    ask(
        waits(), init(), assistant(uses("toolu_1", "Task", subagent_type="geographer", prompt="Find it.")),
        got("toolu_1", "It runs.", tool_use_result={"status": "async_launched"}),
        assistant(text("It runs."), id="msg_2"), result("It runs."),
        assistant(text("It is Lima."), id="sub_1", parent="toolu_1"),
        says({
            "type": "system", "subtype": "task_notification", "task_id": "t1", "tool_use_id": "toolu_1",
            "status": "completed", "output_file": "/tmp/t1", "summary": "It is Lima.",
        }),
        assistant(text("Lima."), id="msg_3"), result("Lima.", cost=0.03),
    )  # fmt: skip

    sub = stored.named("geographer")
    assert sub.outputs == "It is Lima."
    assert stored.named("Task").span_id == sub.parent_id
    assert {span.outputs for span in stored.spans if span.name == "Claude agent"} == {"It runs.", "Lima."}


def test_a_streamed_message_has_its_final_counts_and_the_time_to_its_first_piece(ask: Any, stored: Trees) -> None:
    ask(
        waits(), init(), *streamed("Li", "ma."),
        assistant(text("Lima."), usage={"input_tokens": 4, "output_tokens": 1}),
        *stream_ends(12), result(),
        include_partial_messages=True,
    )  # fmt: skip

    [call] = stored.calls
    assert call.token_usage["output_tokens"] == 12
    assert call.attributes["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert call.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert stored.tree() == ["Claude agent AGENT", f"  {CALL}"]


def test_a_query_is_below_the_step_that_makes_it(ask: Any, stored: Trees) -> None:
    @tracer.trace
    def mine() -> None:
        tracer.update_current_trace(session_id="chat-7")
        ask(*LIMA)

    mine()

    assert stored.tree() == ["mine UNKNOWN", "  Claude agent AGENT", f"    {CALL}"]
    assert stored.trace().info.session_id == "chat-7"
    assert stored.named("Claude agent").attributes["gen_ai.conversation.id"] == SESSION


def test_what_the_program_does_with_a_message_is_its_own_step(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        with tracer.start_span("outer") as outer:
            async for _ in claude_agent_sdk.query(prompt="Capital of Peru?", options=claude.options(*LIMA)):
                assert tracer.get_current_active_span() is outer

    asyncio.run(main())

    assert stored.tree() == ["outer UNKNOWN", "  Claude agent AGENT", f"    {CALL}"]


def test_prompts_that_are_streamed_are_turns(claude: Scripted, stored: Trees) -> None:
    async def prompts() -> AsyncIterator[dict[str, Any]]:
        for asked in ("Capital of Peru?", "And of Chile?"):
            yield {"type": "user", "message": {"role": "user", "content": asked}}

    async def main() -> None:
        options = claude.options(
            waits(), waits(), init(), assistant(text("Lima.")), result(),
            assistant(text("Santiago."), id="msg_2"), result("Santiago.", cost=0.05),
        )  # fmt: skip
        with tracer.start_span("outer"):
            async for _ in claude_agent_sdk.query(prompt=prompts(), options=options):
                pass

    asyncio.run(main())

    turns = [span for span in stored.spans if span.name == "Claude agent"]
    assert [(turn.inputs, turn.outputs) for turn in turns] == [
        ("Capital of Peru?", "Lima."),
        ("And of Chile?", "Santiago."),
    ]
    # Claude Code counts the cost of all turns of its process
    assert stored.trace().info.cost["total_cost"] == pytest.approx(0.05)


def test_a_structured_result_is_the_output(ask: Any, stored: Trees) -> None:
    ask(waits(), init(), assistant(text("{}")), result("{}", structured_output={"city": "Lima"}))

    assert stored.named("Claude agent").outputs == {"city": "Lima"}


def test_a_result_of_an_older_claude_code_has_its_usage(ask: Any, stored: Trees) -> None:
    ask(waits(), init(), assistant(text("Lima."), usage={}), result(models={}))

    assert stored.trace().info.token_usage["output_tokens"] == 12
    assert stored.calls[0].token_usage is None

"""Conversations of several turns, and the ways in which they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

import claude_agent_sdk
from claude_agent_sdk import AssistantMessage, ClaudeSDKClient, ResultMessage, TextBlock

import tracer
from tests.claude_agent_sdk.conftest import Scripted
from tests.claude_agent_sdk.script import (
    LIMA,
    MODEL,
    SESSION,
    assistant,
    counted,
    event,
    got,
    init,
    result,
    streamed,
    text,
    uses,
    waits,
)
from tests.trees import Trees, messages_of

CALL = f"chat {MODEL} CHAT_MODEL"
# by version of the SDK; it ends its program, whose end may be seen before that of the loop
LEFT = ("closed", "dropped", "cancelled", "unfinished")


def by_input() -> dict[Any, Any]:
    """The traces, by what their root was asked."""
    traces = [tracer.get_trace(found.info.trace_id) for found in tracer.search_traces(max_results=100)]
    return {trace.data.spans[0].inputs: trace for trace in traces}


def test_each_turn_is_a_trace_and_the_session_is_theirs(claude: Scripted, stored: Trees) -> None:
    async def main() -> list[str]:
        options = claude.options(
            *LIMA, waits(), init(), assistant(text("Santiago."), id="msg_2"),
            result("Santiago.", cost=0.05, models={MODEL: counted(input=10, read=3000, written=150, output=30)}),
        )  # fmt: skip
        said = []
        async with ClaudeSDKClient(options) as client:
            for asked in ("Capital of Peru?", "And of Chile?"):
                await client.query(asked)
                async for message in client.receive_response():
                    if isinstance(message, AssistantMessage):
                        said += [block.text for block in message.content if isinstance(block, TextBlock)]
        return said

    assert asyncio.run(main()) == ["Lima.", "Santiago."]

    traces = by_input()
    peru, chile = traces["Capital of Peru?"], traces["And of Chile?"]
    assert (peru.info.session_id, chile.info.session_id) == (SESSION, SESSION)
    # Claude Code counts from the start of its process: what a turn has used is the difference
    assert peru.info.cost["total_cost"] == pytest.approx(0.02)
    assert chile.info.cost["total_cost"] == pytest.approx(0.03)
    assert (peru.info.token_usage["output_tokens"], chile.info.token_usage["output_tokens"]) == (12, 18)
    assert chile.info.token_usage["input_tokens"] == 3160 - 1104
    assert [span.name for span in chile.data.spans] == [
        "Claude agent",
        f"chat {MODEL}",
        f"other tokens of {MODEL}",
    ]


def test_turns_inside_a_step_are_its_steps(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(*LIMA, *LIMA)
        async with ClaudeSDKClient(options) as client:
            with tracer.start_span("outer"):
                for asked in ("Capital of Peru?", "Again?"):
                    await client.query(asked)
                    async for _ in client.receive_response():
                        pass

    asyncio.run(main())

    assert stored.tree() == [
        "outer UNKNOWN",
        "  Claude agent AGENT",
        f"    {CALL}",
        "  Claude agent AGENT",
        f"    {CALL}",
    ]


def test_two_conversations_at_once_do_not_mix(claude: Scripted, stored: Trees) -> None:
    async def one(name: str, options: Any) -> None:
        with tracer.start_span(name):
            async for _ in claude_agent_sdk.query(prompt=f"Capital, {name}?", options=options):
                pass

    async def main() -> None:
        options = claude.options(
            waits(), init(), assistant(uses("toolu_1", "Bash", command="ls")), got("toolu_1", "a"),
            assistant(text("Lima."), id="m2"), result(),
        )  # fmt: skip
        await asyncio.gather(*(one(name, options) for name in "ab"))

    asyncio.run(main())

    for found in tracer.search_traces(max_results=10):
        spans = tracer.get_trace(found.info.trace_id).data.spans
        [agent] = [span for span in spans if span.span_type == "AGENT"]
        assert agent.inputs == f"Capital, {spans[0].name}?"
        assert len([span for span in spans if span.parent_id == agent.span_id and span.span_type != "TASK"]) == 3


def test_an_interrupted_turn_is_cancelled_and_the_next_one_is_not(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(
            waits(), init(), assistant(uses("toolu_1", "Bash", command="sleep 100")), waits("interrupt"),
            got("toolu_1", "[Request interrupted by user for tool use]", is_error=True),
            result(None, subtype="error_during_execution", is_error=True), *LIMA,
        )  # fmt: skip
        async with ClaudeSDKClient(options) as client:
            await client.query("Wait.")
            async for message in client.receive_response():
                if isinstance(message, AssistantMessage):
                    await client.interrupt()
            await client.query("Capital of Peru?")
            async for _ in client.receive_response():
                pass

    asyncio.run(main())

    traces = by_input()
    agent, other = traces["Wait."].data.spans[0], traces["Capital of Peru?"].data.spans[0]
    assert (agent.status, agent.attributes["tracer.incomplete"]) == ("UNSET", "cancelled")
    assert (other.status, "tracer.incomplete" in other.attributes) == ("UNSET", False)


def test_a_loop_that_is_left_closes_the_turn(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(waits(), init(), assistant(text("Li")), waits("never"))
        messages = claude_agent_sdk.query(prompt="Capital of Peru?", options=options)
        async for message in messages:
            if isinstance(message, AssistantMessage):
                break
        await messages.aclose()

    asyncio.run(main())

    agent, [call] = stored.named("Claude agent"), stored.calls
    assert agent.status == "UNSET"
    assert agent.attributes["tracer.incomplete"] in LEFT
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Li"}]


def test_a_loop_that_is_left_and_let_go_closes_the_turn(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(waits(), init(), assistant(text("Li")), waits("never"))
        async for message in claude_agent_sdk.query(prompt="Capital of Peru?", options=options):
            if isinstance(message, AssistantMessage):
                break

    asyncio.run(main())

    assert stored.named("Claude agent").attributes["tracer.incomplete"] in LEFT


def test_a_cancelled_task_cancels_the_turn_with_what_had_come(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(waits(), init(), *streamed("Li"), waits("never"), include_partial_messages=True)

        async def read() -> None:
            async for message in claude_agent_sdk.query(prompt="Capital of Peru?", options=options):
                if getattr(message, "event", {}).get("type") == "content_block_delta":
                    task.cancel()

        task = asyncio.create_task(read())
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    agent, [call] = stored.named("Claude agent"), stored.calls
    assert (agent.status, agent.attributes["tracer.incomplete"]) == ("UNSET", "cancelled")
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Li"}]
    assert "output_tokens" not in call.token_usage


def test_the_programs_own_exception_is_not_the_agents(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(waits(), init(), assistant(text("Li")), waits("never"))
        async with ClaudeSDKClient(options) as client:
            await client.query("Capital of Peru?")
            async for message in client.receive_response():
                if isinstance(message, AssistantMessage):
                    raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        asyncio.run(main())

    agent = stored.named("Claude agent")
    assert (agent.status, agent.attributes["tracer.incomplete"]) == ("UNSET", "closed")


def test_a_prompt_sent_during_a_turn_is_answered_in_it_or_begins_the_next(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(
            waits(), init(), assistant(text("Lima.")), waits(), result(),
            assistant(text("Quito."), id="msg_2"), result("Quito."), *LIMA,
        )  # fmt: skip
        async with ClaudeSDKClient(options) as client:
            await client.query("Capital of Peru?")
            with tracer.start_span("aside"):
                await client.query("And of Ecuador?")
            for _ in range(2):
                async for _ in client.receive_response():
                    pass
            await client.query("Peru again?")
            async for _ in client.receive_response():
                pass

    asyncio.run(main())

    turns = {span.inputs: span for span in stored.spans if span.name == "Claude agent"}
    assert {asked: turn.outputs for asked, turn in turns.items()} == {
        "Capital of Peru?": "Lima.",
        "And of Ecuador?": "Quito.",
        "Peru again?": "Lima.",
    }
    assert turns["And of Ecuador?"].parent_id == stored.named("aside").span_id


def test_what_is_streamed_without_a_message_is_kept(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        options = claude.options(
            waits(), init(), *streamed("Li", "ma"),
            event("error", error={"type": "overloaded_error", "message": "Busy."}),
            result(None, subtype="error_during_execution", is_error=True, errors=["Busy."], models={}),
            include_partial_messages=True,
        )  # fmt: skip
        async with ClaudeSDKClient(options) as client:
            await client.query("Capital of Peru?")
            async for message in client.receive_response():
                assert not isinstance(message, ResultMessage) or message.is_error

    asyncio.run(main())

    [call] = stored.calls
    assert (call.status, call.attributes["error.type"]) == ("ERROR", "overloaded_error")
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Lima"}]


def test_a_process_that_ends_without_a_result_leaves_the_turn_unfinished(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        async with ClaudeSDKClient(claude.options(waits(), init(), assistant(text("Li")), {"exit": 0})) as client:
            await client.query("Capital of Peru?")
            async for _ in client.receive_response():
                pass

    asyncio.run(main())

    assert stored.named("Claude agent").attributes["tracer.incomplete"] == "unfinished"

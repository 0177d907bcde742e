"""Streamed runs that are not read to their end leave no span open, and the call to the model is there."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from agents import Agent, Runner

import tracer
from tests.openai.replies import lima, response_events
from tests.openai.server import Server, sse
from tests.openai_agents.answers import calls, says
from tests.openai_agents.conftest import Client, make_model
from tests.openai_agents.test_runs import weather
from tests.trees import Trees


def held_back(api: str, go_on: threading.Event) -> Any:
    """A stream whose second half comes when the test lets it."""
    events: list[Any] = response_events() if api == "responses" else lima()
    middle = 5 if api == "responses" else 2
    return sse(*events[:middle], go_on, *events[middle:], done=api == "chat")


async def read_until_text(result: Any) -> None:
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            return


@pytest.mark.parametrize("end", ["cancel", "leave"])
def test_a_streamed_run_that_is_cancelled_or_left_early(
    end: str, api: str, server: Server, stored: Trees, in_loop: Any
) -> None:
    go_on = threading.Event()
    server.will(held_back(api, go_on))

    async def scenario(client: Client) -> None:
        result = Runner.run_streamed(Agent(name="A", model=make_model(api, client)), "Capital?")
        await read_until_text(result)
        if end == "cancel":
            result.cancel()

    try:
        in_loop(scenario)
    finally:
        go_on.set()

    assert stored.tree() == ["Agent workflow WORKFLOW", "  A AGENT", "    chat gpt-4o CHAT_MODEL"]
    [call] = stored.calls
    assert len(server.asked) == 1
    assert call.attributes["tracer.incomplete"] in ("closed", "cancelled")
    assert "Li" in str(call.outputs)
    assert stored.named("Agent workflow").attributes["tracer.incomplete"] == "cancelled"
    assert {span.status for span in stored.spans} == {"UNSET"}


def test_a_run_that_is_cancelled_after_its_turn(server: Server, stored: Trees, in_loop: Any) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says())

    async def scenario(client: Client) -> None:
        result = Runner.run_streamed(
            Agent(name="A", model=make_model("responses", client), tools=[weather]), "Weather?"
        )
        async for event in result.stream_events():
            if event.type == "run_item_stream_event":
                if "mode" not in result.cancel.__annotations__:
                    pytest.skip("this version of the SDK can only cancel at once")
                result.cancel(mode="after_turn")

    in_loop(scenario)

    assert len(stored.calls) == len(server.asked)
    assert stored.named("Agent workflow").status == "UNSET"


def test_a_streamed_run_whose_events_are_not_read(server: Server, stored: Trees, in_loop: Any) -> None:
    server.will(says())

    async def scenario(client: Client) -> None:
        result = Runner.run_streamed(Agent(name="A", model=make_model("responses", client)), "Capital?")
        await (getattr(result, "run_loop_task", None) or result._run_impl_task)
        assert result.final_output == "Lima."

    in_loop(scenario)

    assert stored.tree() == ["Agent workflow WORKFLOW", "  A AGENT", "    chat gpt-4o CHAT_MODEL"]
    assert stored.named("Agent workflow").outputs == "Lima."


def test_a_run_whose_task_is_cancelled(server: Server, stored: Trees, in_loop: Any) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hang(asked: Any) -> Any:
        arrived.set()
        go_on.wait(60)
        return says()(asked)

    server.will(hang)

    async def scenario(client: Client) -> None:
        task = asyncio.create_task(Runner.run(Agent(name="A", model=make_model("responses", client)), "Capital?"))
        await asyncio.to_thread(arrived.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    try:
        in_loop(scenario)
    finally:
        go_on.set()

    assert stored.tree() == ["Agent workflow WORKFLOW", "  A AGENT", "    chat gpt-4o CHAT_MODEL"]
    assert {(span.status, span.attributes["tracer.incomplete"]) for span in stored.spans} == {("UNSET", "cancelled")}
    assert tracer.get_current_active_span() is None

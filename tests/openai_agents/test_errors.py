"""Exceptions in a run are recorded, with their type, on every step that they pass."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ModelBehaviorError,
    OutputGuardrailTripwireTriggered,
    UserError,
    function_tool,
    input_guardrail,
    output_guardrail,
)

from tests.openai.server import Server, reply
from tests.openai_agents.answers import calls, says
from tests.openai_agents.conftest import Client, make_model
from tests.trees import Trees


@function_tool
def broken(city: str) -> str:
    """Fails."""
    raise LookupError(f"no such city: {city}")


@function_tool(failure_error_function=None)
def fatal(city: str) -> str:
    """Fails, and the run with it."""
    raise LookupError(f"no such city: {city}")


def failed(stored: Trees) -> dict[str, str]:
    return {
        span.name: span.attributes["error.type"]
        for span in stored.spans
        if span.status == "ERROR" and not span.name.startswith("turn ")
    }


def test_max_turns_exceeded(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("broken", {"city": "X"})))

    with pytest.raises(MaxTurnsExceeded):
        ask(way, lambda client: Agent(name="A", model=make_model("responses", client), tools=[broken]), max_turns=1)

    kind = "agents.exceptions.MaxTurnsExceeded"
    assert failed(stored) == {"Agent workflow": kind, "A": kind, "broken": "LookupError"}
    assert stored.trace().info.state == "ERROR"
    assert stored.named("Agent workflow").outputs is None
    assert len(stored.calls) == len(server.asked)


def test_a_tool_call_that_fails(server: Server, stored: Trees, ask: Any, api: str, way: str) -> None:
    server.will(calls(("broken", {"city": "X"})), says())

    ask(way, lambda client: Agent(name="A", model=make_model(api, client), tools=[broken]))

    tool = stored.named("broken")
    assert failed(stored) == {"broken": "LookupError"}
    assert tool.inputs == {"city": "X"}
    assert "error occurred" in tool.outputs  # the text that the model gets
    assert [event.name for event in tool.events] == ["exception"]
    assert stored.trace().info.state == "OK"


def test_a_tool_call_that_fails_the_run(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("fatal", {"city": "X"})))

    with pytest.raises(UserError, match="no such city"):
        ask(way, lambda client: Agent(name="A", model=make_model("responses", client), tools=[fatal]))

    assert failed(stored)["fatal"] in ("LookupError", "agents.exceptions.UserError")
    assert failed(stored)["A"] == failed(stored)["Agent workflow"] == "agents.exceptions.UserError"


def test_an_error_of_the_model(server: Server, stored: Trees, ask: Any, api: str, way: str) -> None:
    server.will(reply({"error": {"message": "no such model", "type": "invalid_request_error"}}, status=404))

    with pytest.raises(openai.NotFoundError):
        ask(way, lambda client: Agent(name="A", model=make_model(api, client)))

    assert set(failed(stored).values()) == {"openai.NotFoundError"}
    assert set(failed(stored)) == {"Agent workflow", "A", "chat gpt-4o"}
    assert len(stored.calls) == len(server.asked) == 1


def test_a_tool_call_of_an_unknown_tool(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("nothing", {})))

    with pytest.raises(ModelBehaviorError):
        ask(way, lambda client: Agent(name="A", model=make_model("responses", client)))

    assert failed(stored)["Agent workflow"] == "agents.exceptions.ModelBehaviorError"
    assert stored.calls[0].status == "UNSET"


@input_guardrail(name="homework")
async def no_homework(context: Any, agent: Agent[Any], given: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, tripwire_triggered="homework" in str(given))


@output_guardrail(name="manners")
async def manners(context: Any, agent: Agent[Any], output: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, tripwire_triggered="damn" in str(output))


def guarded(client: Client) -> Agent[Any]:
    return Agent(
        name="A",
        model=make_model("responses", client),
        input_guardrails=[no_homework],
        output_guardrails=[manners],
    )


def test_guardrails_that_do_not_trigger(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says())

    ask(way, guarded)

    assert sorted(stored.tree()) == [
        "    chat gpt-4o CHAT_MODEL",
        "    homework GUARDRAIL",
        "    manners GUARDRAIL",
        "  A AGENT",
        "Agent workflow WORKFLOW",
    ]
    assert stored.named("homework").outputs == stored.named("manners").outputs == {"triggered": False}
    assert failed(stored) == {}


def test_an_input_guardrail_that_trips(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says())

    with pytest.raises(InputGuardrailTripwireTriggered):
        ask(way, guarded, "Do my homework")

    assert stored.named("homework").outputs == {"triggered": True}
    assert failed(stored)["Agent workflow"] == "agents.exceptions.InputGuardrailTripwireTriggered"


def test_an_output_guardrail_that_trips(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says("damn"))

    with pytest.raises(OutputGuardrailTripwireTriggered):
        ask(way, guarded)

    assert stored.named("manners").outputs == {"triggered": True}
    assert failed(stored)["Agent workflow"] == "agents.exceptions.OutputGuardrailTripwireTriggered"


def test_a_run_inside_an_except_block_is_no_error(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(calls(("broken", {"city": "X"})), says())

    try:
        raise KeyError("of the program's own")
    except KeyError:
        ask(way, lambda client: Agent(name="A", model=make_model("responses", client), tools=[broken]))

    assert failed(stored) == {"broken": "LookupError"}

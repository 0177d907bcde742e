"""The program's own code that runs during a turn: tools, hooks and permissions."""

from __future__ import annotations

import asyncio
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

from claude_agent_sdk import (
    ClaudeSDKClient,
    HookMatcher,
    PermissionResultAllow,
    create_sdk_mcp_server,
    tool,
)

import tracer
from tests.claude_agent_sdk.conftest import Scripted
from tests.claude_agent_sdk.script import MODEL, assistant, got, init, result, text, uses, waits
from tests.trees import Trees

CALL = f"chat {MODEL} CHAT_MODEL"
NAME = "mcp__demo__weather"


def mcp(method: str, number: int | None, **parameters: Any) -> dict[str, Any]:
    """A request of the process to the server of the program's tools."""
    message = {"jsonrpc": "2.0", "method": method, "params": parameters}
    if number is not None:
        message["id"] = number
    return {"ask": {"subtype": "mcp_message", "server_name": "demo", "message": message}}


HANDSHAKE = [
    mcp(
        "initialize", 0, protocolVersion="2025-06-18", capabilities={},
        clientInfo={"name": "claude-code", "version": "2.1.300"},
    ),
    mcp("notifications/initialized", None),
    mcp("tools/list", 1),
]  # fmt: skip


def call(number: int, tool_id: str | None, **arguments: Any) -> dict[str, Any]:
    about = {} if tool_id is None else {"_meta": {"claudecode/toolUseId": tool_id}}
    return mcp("tools/call", number, name="weather", arguments=arguments, **about)


@tracer.trace(name="look up")
def look_up(city: str) -> str:
    return f"{city}: sunny"


@tool("weather", "The weather of a city.", {"city": str})
async def weather(arguments: dict[str, Any]) -> dict[str, Any]:
    found = await asyncio.to_thread(look_up, arguments["city"])
    return {"content": [{"type": "text", "text": found}]}


@tool("weather", "The weather of a city.", {"city": str})
async def broken(arguments: dict[str, Any]) -> dict[str, Any]:
    raise LookupError("no such city")


def run(options: Any) -> None:
    async def main() -> None:
        async with ClaudeSDKClient(options) as client:
            await client.query("Weather?")
            async for _ in client.receive_response():
                pass

    asyncio.run(main())


# the mcp package before its version 2 hands on neither the context of a request nor, here, the id of the tool's use
HAS_BRIDGE = find_spec("claude_agent_sdk._internal.sdk_mcp_bridge") is not None
IS_LOST = HAS_BRIDGE and metadata.version("mcp").startswith("1.")


@pytest.mark.parametrize(
    "has_id", [True, pytest.param(False, marks=pytest.mark.skipif(IS_LOST, reason="an old mcp, and no id"))]
)
def test_the_code_of_a_tool_runs_below_its_step(claude: Scripted, stored: Trees, has_id: bool) -> None:
    run(
        claude.options(
            *HANDSHAKE, waits(), init(),
            assistant(uses("toolu_1", NAME, city="Lisbon"), uses("toolu_2", NAME, city="Lima")),
            call(2, "toolu_2" if has_id else None, city="Lima"), got("toolu_2", [text("Lima: sunny")]),
            call(3, "toolu_1" if has_id else None, city="Lisbon"), got("toolu_1", [text("Lisbon: sunny")]),
            assistant(text("Sunny."), id="msg_2"), result("Sunny."),
            mcp_servers={"demo": create_sdk_mcp_server("demo", tools=[weather])},
        )
    )  # fmt: skip

    tools = {span.span_id: span for span in stored.spans if span.span_type == "TOOL"}
    looked_up = [span for span in stored.spans if span.name == "look up"]
    assert sorted((tools[span.parent_id].inputs["city"], span.inputs["city"]) for span in looked_up) == [
        ("Lima", "Lima"),
        ("Lisbon", "Lisbon"),
    ]
    assert {span.outputs for span in tools.values()} == {"Lima: sunny", "Lisbon: sunny"}
    assert len(tracer.search_traces()) == 1


def test_a_tool_that_fails_is_an_error(claude: Scripted, stored: Trees) -> None:
    run(
        claude.options(
            *HANDSHAKE, waits(), init(), assistant(uses("toolu_1", NAME, city="Lisbon")),
            call(2, "toolu_1", city="Lisbon"),
            got("toolu_1", [text("no such city")], is_error=True), assistant(text("Hm."), id="msg_2"), result("Hm."),
            mcp_servers={"demo": create_sdk_mcp_server("demo", tools=[broken])},
        )
    )  # fmt: skip

    failed = stored.named(NAME)
    assert (failed.status, failed.outputs) == ("ERROR", "no such city")
    answers = [line for line in claude.sent if line["type"] == "control_response" and "no such city" in str(line)]
    assert len(answers) == 1


def test_permissions_and_hooks_are_asked_below_the_tool_and_decide_as_ever(claude: Scripted, stored: Trees) -> None:
    seen: list[Any] = []

    @tracer.trace(name="decide")
    async def may_use(name: str, given: dict[str, Any], context: Any) -> PermissionResultAllow:
        seen.append((name, given))
        return PermissionResultAllow(updated_input={"command": "ls -l"})

    @tracer.trace(name="hook")
    async def before(given: Any, tool_id: str | None, context: Any) -> dict[str, Any]:
        seen.append(given["hook_event_name"])
        return {"continue_": True}

    run(
        claude.options(
            waits(), init(), assistant(uses("toolu_1", "Bash", command="ls")),
            {"ask": {
                "subtype": "hook_callback", "callback_id": "hook_0", "tool_use_id": "toolu_1",
                "input": {"hook_event_name": "PreToolUse", "tool_name": "Bash"},
            }},
            {"ask": {
                "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1",
                "permission_suggestions": [],
            }},
            got("toolu_1", "a.txt"), assistant(text("Done."), id="msg_2"),
            {"ask": {"subtype": "hook_callback", "callback_id": "hook_1", "input": {"hook_event_name": "Stop"}}},
            result("Done."),
            can_use_tool=may_use,
            hooks={"PreToolUse": [HookMatcher(hooks=[before])], "Stop": [HookMatcher(hooks=[before])]},
        )
    )  # fmt: skip

    assert seen == ["PreToolUse", ("Bash", {"command": "ls"}), "Stop"]
    answers = [line["response"]["response"] for line in claude.sent if line["type"] == "control_response"]
    assert answers == [
        {"continue": True},
        {"behavior": "allow", "updatedInput": {"command": "ls -l"}},
        {"continue": True},
    ]
    assert [line for line in stored.tree() if "other tokens" not in line] == [
        "Claude agent AGENT",
        f"  {CALL}",
        "  Bash TOOL",
        "    hook UNKNOWN",
        "    decide UNKNOWN",
        f"  {CALL}",
        "  hook UNKNOWN",
    ]


def test_a_tool_that_is_cancelled_leaves_nothing_current(claude: Scripted, stored: Trees) -> None:
    started = claude.folder / "started"

    @tool("weather", "The weather of a city.", {"city": str})
    async def slow(arguments: dict[str, Any]) -> dict[str, Any]:
        started.touch()
        await asyncio.sleep(60)
        return {"content": []}

    async def main() -> None:
        options = claude.options(
            *HANDSHAKE, waits(), init(), assistant(uses("toolu_1", NAME, city="Lima")), call(2, "toolu_1", city="Lima"),
            mcp_servers={"demo": create_sdk_mcp_server("demo", tools=[slow])},
        )  # fmt: skip
        async with ClaudeSDKClient(options) as client:
            await client.query("Weather?")
            while not started.exists():
                await asyncio.sleep(0.01)

    asyncio.run(main())

    assert stored.named(NAME).attributes["tracer.incomplete"] == "dropped"
    assert stored.named("Claude agent").attributes["tracer.incomplete"] == "closed"

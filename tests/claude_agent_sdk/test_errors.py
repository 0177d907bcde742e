"""Failures of a turn, of the process and of its start; and that nothing else changes."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

import claude_agent_sdk
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient
from claude_agent_sdk._internal.query import Query

import tracer
from tests.claude_agent_sdk.conftest import Scripted
from tests.claude_agent_sdk.script import LIMA, MODEL, assistant, init, result, text, uses, waits
from tests.trees import Trees

CALL = f"chat {MODEL} CHAT_MODEL"


def run(options: ClaudeAgentOptions) -> list[Any]:
    async def main() -> list[Any]:
        return [message async for message in claude_agent_sdk.query(prompt="Capital of Peru?", options=options)]

    return asyncio.run(main())


@pytest.mark.parametrize("subtype", ["error_max_turns", "error_max_budget_usd", "error_during_execution"])
def test_a_turn_that_fails_says_why(claude: Scripted, stored: Trees, subtype: str) -> None:
    run(
        claude.options(
            waits(), init(), assistant(uses("toolu_1", "Bash", command="ls")),
            result(None, subtype=subtype, is_error=True, errors=["It went on too long."]),
        )
    )  # fmt: skip

    agent = stored.named("Claude agent")
    assert (agent.status, agent.attributes["error.type"]) == ("ERROR", subtype)
    assert agent.outputs == ["It went on too long."]
    assert stored.trace().info.cost["total_cost"] == pytest.approx(0.02)
    assert stored.named("Bash").attributes["tracer.incomplete"] == "dropped"


def test_a_refused_call_is_an_error_of_the_call_and_of_the_turn(claude: Scripted, stored: Trees) -> None:
    run(
        claude.options(
            waits(), init(),
            assistant(text("API Error: 429 …"), model="<synthetic>", usage={}, error="rate_limit"),
            result("API Error: 429 …", is_error=True, cost=0, models={}, usage={}, api_error_status=429),
        )
    )  # fmt: skip

    agent, [call] = stored.named("Claude agent"), stored.calls
    assert (agent.status, agent.attributes["error.type"]) == ("ERROR", "429")
    assert (call.status, call.attributes["error.type"], call.model) == ("ERROR", "rate_limit", MODEL)


def test_what_claude_code_says_itself_is_no_call(claude: Scripted, stored: Trees) -> None:
    run(
        claude.options(
            waits(), init(), assistant(text("Compacted."), model="<synthetic>", usage={}),
            result("Compacted.", cost=0, models={}, usage={}),
        )
    )  # fmt: skip

    assert stored.calls == []
    assert stored.named("Claude agent").outputs == "Compacted."


def test_a_process_that_fails_ends_the_turn_with_its_error(claude: Scripted, stored: Trees) -> None:
    with pytest.raises(Exception, match="exit code") as raised:
        run(claude.options(waits(), init(), assistant(text("Li")), {"exit": 3}))

    agent = stored.named("Claude agent")
    assert agent.status == "ERROR"
    assert agent.attributes["error.type"].endswith("ProcessError")
    assert len(stored.calls) == 1
    assert raised.value.__traceback__ is not None


def test_a_process_that_ends_after_its_error_changes_nothing(claude: Scripted, stored: Trees) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # of which kind depends on the SDK's version
        run(
            claude.options(
                waits(), init(),
                result(None, subtype="error_max_turns", is_error=True, errors=["Too many."], models={}), {"exit": 1},
            )
        )  # fmt: skip

    assert stored.span.attributes["error.type"] == "error_max_turns"


def test_a_program_that_is_not_there_is_an_error_of_the_prompt(claude: Scripted, stored: Trees) -> None:
    options = claude.options(*LIMA, cli_path="/nowhere/claude")
    with pytest.raises(claude_agent_sdk.CLINotFoundError):
        run(options)

    agent = stored.span
    assert (agent.inputs, agent.status) == ("Capital of Peru?", "ERROR")
    assert agent.attributes["error.type"].endswith("CLINotFoundError")


def test_a_message_that_the_sdk_cannot_read_is_an_error_of_the_turn(claude: Scripted, stored: Trees) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        run(claude.options(waits(), init(), {"say": {"type": "result", "subtype": "success"}}, waits("never")))

    assert len(stored.spans) == 1


@pytest.mark.swallow_faults
def test_messages_of_any_shape_change_nothing(claude: Scripted, stored: Trees) -> None:
    odd: list[dict[str, Any]] = [
        {"say": {"type": "system", "subtype": "init", "tools": "all", "session_id": 7}},
        {"say": {"type": "system", "subtype": "task_notification", "task_id": None, "status": "completed",
                 "output_file": "", "summary": "", "uuid": "u", "session_id": "s"}},
    ]  # fmt: skip

    messages = run(claude.options(waits(), *odd, *LIMA[1:]))

    assert type(messages[-1]).__name__ == "ResultMessage"
    assert stored.named("Claude agent").outputs == "Lima."


# ---- nothing changes ----


def test_disabling_restores_the_sdk(claude: Scripted, stored: Trees) -> None:
    tracer.claude_agent_sdk.autolog(disable=True)
    code = Query.start.__code__

    tracer.claude_agent_sdk.autolog()
    tracer.claude_agent_sdk.autolog()
    assert Query.start.__code__ is not code
    assert inspect.iscoroutinefunction(Query.start)
    tracer.claude_agent_sdk.autolog(disable=True)
    messages = run(claude.options(*LIMA))

    assert Query.start.__code__ is code
    assert type(messages[-1]).__name__ == "ResultMessage"
    assert stored.spans == []


def test_nothing_is_recorded_while_recording_is_off(claude: Scripted, stored: Trees) -> None:
    tracer.disable()
    try:
        run(claude.options(*LIMA))
    finally:
        tracer.enable()

    assert stored.spans == []


def test_without_content_there_are_steps_and_tokens(claude: Scripted, stored: Trees, store_url: str) -> None:
    tracer.configure(store=store_url, capture_content=False)

    run(claude.options(*LIMA))

    assert stored.tree() == ["Claude agent AGENT", f"  {CALL}"]
    assert stored.trace().info.token_usage["output_tokens"] == 12
    assert not any("Lima" in str(span.attributes) or "Peru" in str(span.attributes) for span in stored.spans)


class Remote(claude_agent_sdk.Transport):
    """A program's own way to a process."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.has_prompt = asyncio.Event()

    async def connect(self) -> None: ...

    async def write(self, data: str) -> None:
        self.written.append(data)
        if '"user"' in data:
            self.has_prompt.set()

    async def read_messages(self) -> Any:  # type: ignore[override]
        import json

        while not self.written:
            await asyncio.sleep(0.001)
        request_id = json.loads(self.written[0])["request_id"]
        yield {"type": "control_response", "response": {"subtype": "success", "request_id": request_id, "response": {}}}
        await self.has_prompt.wait()
        for step in LIMA[1:]:
            yield step["say"]

    async def close(self) -> None: ...

    def is_ready(self) -> bool:
        return True

    async def end_input(self) -> None: ...


def test_a_transport_of_the_programs_own_is_recorded(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        async with ClaudeSDKClient(transport=Remote()) as client:
            await client.query("Capital of Peru?")
            async for _ in client.receive_response():
                pass

    asyncio.run(main())

    assert stored.tree() == ["Claude agent AGENT", f"  {CALL}"]
    assert stored.named("Claude agent").inputs == "Capital of Peru?"


def test_a_transport_made_for_a_test_is_left_alone(claude: Scripted, stored: Trees) -> None:
    async def main() -> None:
        transport = Remote()
        own_write = transport.write
        transport.write = own_write  # type: ignore[method-assign]
        async with ClaudeSDKClient(transport=transport) as client:
            await client.query("Capital of Peru?")
            async for _ in client.receive_response():
                pass
        assert transport.write is own_write

    asyncio.run(main())

    assert stored.spans == []


def test_with_openinference_and_the_bridge_a_turn_is_there_once(claude: Scripted, stored: Trees) -> None:
    module = pytest.importorskip("openinference.instrumentation.claude_agent_sdk", reason="in the same environment")

    async def main() -> None:
        async with ClaudeSDKClient(claude.options(*LIMA, *LIMA)) as client:
            await client.query("Capital of Peru?")
            async for _ in client.receive_response():
                pass

    tracer.otel.autolog()
    instrumentor = module.ClaudeAgentSDKInstrumentor()
    instrumentor.instrument()
    try:
        run(claude.options(*LIMA))
        asyncio.run(main())
    finally:
        instrumentor.uninstrument()
        tracer.otel.autolog(disable=True)

    assert sorted(span.name for span in stored.spans) == [*["Claude agent"] * 2, *[f"chat {MODEL}"] * 2]
    assert [trace.info.cost["total_cost"] for trace in tracer.search_traces()] == [pytest.approx(0.02)] * 2


def test_with_the_bridge_the_turn_is_below_a_span_of_opentelemetry(
    claude: Scripted, stored: Trees, tmp_path: Path
) -> None:
    from opentelemetry import trace as otel_trace

    tracer.otel.autolog()
    try:
        with otel_trace.get_tracer("app").start_as_current_span("request"):
            run(claude.options(*LIMA))
    finally:
        tracer.otel.autolog(disable=True)

    assert stored.tree() == ["request UNKNOWN", "  Claude agent AGENT", f"    {CALL}"]
    assert stored.trace().info.token_usage["output_tokens"] == 12

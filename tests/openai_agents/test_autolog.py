"""Switching on and off, and living beside the SDK's own tracing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agents
import pytest
from agents import Agent, RunConfig, Runner, run
from agents.tracing import TracingProcessor, get_trace_provider, set_trace_provider, spans, traces

import tracer
from tests.openai.server import Server
from tests.openai_agents.answers import calls, says
from tests.openai_agents.conftest import make_model
from tests.openai_agents.test_runs import helper
from tests.originals import contents_of
from tests.trees import Trees

ROOT = Path(__file__).resolve().parents[2]
PATCHED = (run.AgentRunner, traces.TraceImpl, spans.SpanImpl)


def test_disable_puts_back_the_very_originals() -> None:
    tracer.openai.autolog(disable=True)
    before = contents_of(*PATCHED)

    tracer.openai_agents.autolog()
    tracer.openai_agents.autolog()
    assert contents_of(*PATCHED) != before
    tracer.openai_agents.autolog(disable=True)

    assert contents_of(*PATCHED) == before


def test_disable_leaves_the_calls_of_openai(server: Server, stored: Trees, ask: Any) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says())

    tracer.openai_agents.autolog(disable=True)
    ask("run", helper("responses"))

    assert sorted(span.name for span in stored.spans) == ["chat gpt-4o", "chat gpt-4o", "look_up"]


def test_nothing_is_recorded_while_tracer_is_off(server: Server, stored: Trees, ask: Any, way: str) -> None:
    server.will(says())

    tracer.disable()
    ask(way, helper("responses"))
    tracer.enable()

    assert stored.spans == []


def test_disable_in_the_middle_of_a_run_ends_its_open_spans(server: Server, stored: Trees, in_loop: Any) -> None:
    @agents.function_tool
    def switch_off() -> str:
        """Ends the recording."""
        tracer.openai.autolog(disable=True)
        return "off"

    server.will(calls(("switch_off", {})), says())

    async def scenario(client: Any) -> None:
        await Runner.run(Agent(name="A", model=make_model("responses", client), tools=[switch_off]), "x")

    in_loop(scenario)

    assert stored.named("Agent workflow").end_time_ns is not None
    assert stored.named("switch_off").end_time_ns is not None


class Seen(TracingProcessor):
    """A processor of the program's own."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def on_trace_start(self, trace: Any) -> None:
        self.kinds.append("trace")

    def on_span_start(self, span: Any) -> None:
        self.kinds.append(span.span_data.type)

    def on_trace_end(self, trace: Any) -> None: ...
    def on_span_end(self, span: Any) -> None: ...
    def shutdown(self) -> None: ...
    def force_flush(self) -> None: ...


@pytest.fixture
def processors() -> Iterator[None]:
    yield
    agents.set_trace_processors([])


def test_set_trace_processors_stays_the_programs_own(
    processors: None, server: Server, stored: Trees, ask: Any, way: str
) -> None:
    server.will(says())
    mine = Seen()
    agents.set_trace_processors([mine])

    ask(way, helper("responses"))

    assert get_trace_provider()._multi_processor._processors == (mine,)  # type: ignore[attr-defined]
    assert {"trace", "agent", "response"} <= set(mine.kinds)
    assert stored.tree() == ["Agent workflow WORKFLOW", "  Helper AGENT", "    chat gpt-4o CHAT_MODEL"]


@pytest.fixture(params=["set_tracing_disabled", "OPENAI_AGENTS_DISABLE_TRACING"])
def disabled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The SDK's tracing is off, by a call or by the environment."""
    before = get_trace_provider()
    if request.param == "set_tracing_disabled":
        agents.set_tracing_disabled(True)
        yield
        agents.set_tracing_disabled(False)
    else:
        monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
        set_trace_provider(type(before)())  # the variable is read once, by a new provider
        yield
        set_trace_provider(before)


def test_set_tracing_disabled_leaves_the_run_with_its_calls(
    disabled: None, server: Server, stored: Trees, ask: Any, way: str
) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says("Sunny."))

    ask(way, helper("responses"), "Weather?")

    assert stored.tree() == [
        "Agent workflow WORKFLOW",
        "  chat gpt-4o CHAT_MODEL",
        "  look_up RETRIEVER",
        "  chat gpt-4o CHAT_MODEL",
    ]
    run = stored.named("Agent workflow")
    assert (run.inputs, run.outputs) == ("Weather?", "Sunny.")


def test_tracing_disabled_in_run_config_leaves_the_run_with_its_calls(
    server: Server, stored: Trees, ask: Any, way: str
) -> None:
    server.will(says())

    ask(way, helper("responses"), run_config=RunConfig(tracing_disabled=True))

    assert stored.tree() == ["Agent workflow WORKFLOW", "  chat gpt-4o CHAT_MODEL"]


def in_new_python(program: str, folder: Path, path: str = "") -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": f"{path}:{ROOT}", "PATH": "", "TRACER_STORE": str(folder / "t.db")},
    )
    assert ran.returncode == 0, ran.stderr
    return (ran.stdout + ran.stderr).strip()


def test_the_sdk_is_not_imported_and_patched_when_it_is(tmp_path: Path) -> None:
    program = """
import sys, tracer
tracer.openai.autolog()
assert "agents" not in sys.modules
import agents
from agents.tracing.spans import SpanImpl
print(hasattr(SpanImpl.start, "__wrapped__"))
"""

    assert in_new_python(program, tmp_path) == "True"


def test_another_package_of_the_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("class Runner: ...\n")
    program = "import tracer; tracer.openai.autolog(); import agents; print(agents.Runner.__name__)"

    assert in_new_python(program, tmp_path, str(tmp_path)) == "Runner"


@pytest.mark.swallow_faults
def test_a_fault_of_ours_changes_nothing(server: Server, ask: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer._openai_agents import runs as runs  # type: ignore[attr-defined, unused-ignore]

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("mine")

    server.will(calls(("weather", {"city": "Lima"})), says("Sunny."))
    for name in ("start", "leave", "end_call", "announce", "get", "find"):
        monkeypatch.setattr(runs.steps, name, fail)

    assert ask(way, helper("responses")).final_output == "Sunny."


def test_a_tool_may_return_anything(server: Server, stored: Trees, ask: Any) -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise ValueError("no")

        def __str__(self) -> str:
            return "hostile"

    @agents.function_tool
    def hostile() -> Any:
        """Returns an object without a repr."""
        return Hostile()

    server.will(calls(("hostile", {})), says())

    ask("run", lambda client: Agent(name="A", model=make_model("responses", client), tools=[hostile]))

    assert stored.named("hostile").status == "UNSET"
    assert asyncio.iscoroutinefunction(run.AgentRunner.run)

"""Switching on and off, in any order, without a trace in what the program does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="tests/run.py makes an environment with it")

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

import tracer
from tests.langchain.conftest import Trees, make_model
from tests.openai.replies import QUESTION, chat, lima
from tests.openai.server import Asked, Scripted, Server, reply, sse
from tests.originals import contents_of

ROOT = Path(__file__).resolve().parents[2]


def answer(asked: Asked) -> Scripted:
    return sse(*lima()) if asked.json.get("stream") else reply(chat())


PROGRAM = """
import asyncio
import tracer

tracer.configure(store="{store}")
{before}
from langchain_core.runnables import RunnableLambda
from langgraph.graph import StateGraph, START, END, MessagesState
{after}

@tracer.trace
def look_up(text):
    return text

graph = StateGraph(MessagesState)
graph.add_node("ask", lambda state: {{"messages": [("assistant", look_up("Lima."))]}})
graph.add_edge(START, "ask")
graph.compile().invoke({{"messages": [("user", "Peru?")]}})
[trace] = tracer.search_traces()
print([span.name for span in trace.data.spans])
"""


@pytest.mark.parametrize("when", ["before", "after", "all"])
def test_autolog_may_come_before_the_import_or_after_it(when: str, store_url: str) -> None:
    lines = {"before": "", "after": ""}
    lines["before" if when == "all" else when] = "tracer.autolog()" if when == "all" else "tracer.langchain.autolog()"

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(store=store_url, **lines)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "['LangGraph', 'ask', 'look_up']"


def test_autolog_imports_nothing_of_langchain(store_url: str) -> None:
    program = """
    import sys
    import tracer
    tracer.langchain.autolog()
    print([name for name in sys.modules if name.startswith(("langchain", "langgraph", "langsmith"))])
    """

    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert ran.stdout.strip() == "[]"


def test_disable_puts_everything_back() -> None:
    from langchain_core.callbacks import manager
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import config

    def contents() -> tuple[object, ...]:
        kinds = [kind for kind in vars(manager).values() if isinstance(kind, type) and "Manager" in kind.__name__]
        return contents_of(*kinds, BaseChatModel, BaseRetriever), config._set_config_context.__code__

    tracer.langchain.autolog(disable=True)
    before = contents()

    tracer.langchain.autolog()
    during = contents()
    tracer.langchain.autolog(disable=True)

    assert contents() == before
    assert during != before


def test_disabled_in_the_middle_of_a_run_it_goes_on(stored: Trees) -> None:
    inner = RunnableLambda(lambda text: text, name="inner")

    def outer(text: str) -> Any:
        tracer.langchain.autolog(disable=True)
        return inner.invoke(text)

    assert RunnableLambda(outer).invoke("Lima") == "Lima"
    assert len(tracer.search_traces()) == 1


def test_switched_off_tracing_records_nothing(stored: Trees) -> None:
    tracer.disable()
    try:
        assert RunnableLambda(lambda text: text).invoke("Lima") == "Lima"
    finally:
        tracer.enable()

    assert stored.spans == []


class Seen(BaseCallbackHandler):
    """A handler of the program's own."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("start")

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        self.events.append("end")


def test_callbacks_of_the_program_are_called_as_before_and_see_none_of_ours(stored: Trees) -> None:
    seen = Seen()
    handlers: list[list[object]] = []

    def step(text: str, config: Any) -> str:
        handlers.append(config["callbacks"].handlers)
        return text

    RunnableLambda(step).invoke("Lima", {"callbacks": [seen]})

    assert seen.events == ["start", "end"]
    assert handlers == [[seen]]
    assert stored.tree == ["step CHAIN"]


@pytest.mark.parametrize("raises_at", ["on_chain_start", "on_chain_end"])
def test_a_callback_that_raises_raises_as_before(raises_at: str, stored: Trees) -> None:
    class Broken(BaseCallbackHandler):
        raise_error = True

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    broken = Broken()
    setattr(broken, raises_at, fail)

    with pytest.raises(ZeroDivisionError):
        RunnableLambda(lambda text: text).invoke("Lima", {"callbacks": [broken]})


@pytest.mark.swallow_faults
def test_a_fault_of_ours_reaches_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from tracer._langchain import runs  # type: ignore[import-not-found, unused-ignore]

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "span_of", fail)

    assert RunnableLambda(lambda text: text).invoke("Lima") == "Lima"
    assert "tracer failed while" in caplog.text


@pytest.mark.parametrize("variables", [{"LANGSMITH_TRACING": "false"}, {"LANGCHAIN_TRACING_V2": "true"}])
def test_langsmiths_own_settings_disturb_nothing(
    variables: dict[str, str], server: Server, stored: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langsmith import utils

    for name, value in {**variables, "LANGSMITH_API_KEY": "k", "LANGSMITH_ENDPOINT": server.url}.items():
        monkeypatch.setenv(name, value)
    utils.get_env_var.cache_clear()
    server.will(lambda asked: answer(asked) if "chat" in asked.path else reply({}))
    model = make_model(server)

    try:
        (model | RunnableLambda(lambda message: message.content, name="text")).invoke(QUESTION)
    finally:
        monkeypatch.undo()
        utils.get_env_var.cache_clear()

    assert stored.tree == ["RunnableSequence CHAIN", "  chat gpt-4o-mini CHAT_MODEL", "  text CHAIN"]


def test_many_runs_at_once_do_not_mix(stored: Trees) -> None:
    @tracer.trace
    def double(number: int) -> int:
        return number * 2

    async def step(number: int) -> int:
        await asyncio.sleep(0.001)
        return double(number)

    chain = RunnableLambda(step, name="first") | RunnableLambda(lambda number: double(number), name="second")

    async def main() -> list[int]:
        return await asyncio.gather(*(chain.ainvoke(number) for number in range(20)))

    assert asyncio.run(main()) == [number * 4 for number in range(20)]

    traces = tracer.search_traces(max_results=100)
    assert len(traces) == 20
    for trace in traces:
        number = trace.data.spans[0].inputs
        inputs = [span.inputs["number"] for span in trace.data.spans if span.name == "double"]
        assert inputs == [number, number * 2]

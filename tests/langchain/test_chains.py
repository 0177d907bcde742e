"""Chains: one tree, however they are run, with the program's own steps where they belong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="tests/run.py makes an environment with it")

from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

import tracer
from tests.langchain.conftest import Trees
from tests.openai.replies import chat, lima
from tests.openai.server import Asked, Scripted, Server, reply, sse


def answer(asked: Asked) -> Scripted:
    return sse(*lima()) if asked.json.get("stream") else reply(chat())


@tracer.trace
def shorten(text: str) -> str:
    return text[:2]


def make_chain(model: Any) -> Any:
    prompt = ChatPromptTemplate.from_messages([("user", "The capital of {country}?")])
    return prompt | model | StrOutputParser() | RunnableLambda(shorten, name="cut")


def invoke(chain: Any) -> Any:
    return chain.invoke({"country": "Peru"})


def stream(chain: Any) -> Any:
    return "".join(chain.stream({"country": "Peru"}))


def batch(chain: Any) -> Any:
    return chain.batch([{"country": "Peru"}])[0]


def ainvoke(chain: Any) -> Any:
    return asyncio.run(chain.ainvoke({"country": "Peru"}))


def astream(chain: Any) -> Any:
    async def main() -> str:
        return "".join([piece async for piece in chain.astream({"country": "Peru"})])

    return asyncio.run(main())


def astream_events(chain: Any) -> Any:
    async def main() -> Any:
        events = [event async for event in chain.astream_events({"country": "Peru"}, version="v2")]
        return events[-1]["data"]["output"]

    return asyncio.run(main())


def abatch(chain: Any) -> Any:
    return asyncio.run(chain.abatch([{"country": "Peru"}]))[0]


def in_a_thread(chain: Any) -> Any:
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(invoke(chain)))
    thread.start()
    thread.join()
    return results[0]


WAYS = (invoke, stream, batch, ainvoke, astream, astream_events, abatch, in_a_thread)


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_is_one_tree_however_it_is_run(
    way: Callable[[Any], Any], model: Any, server: Server, stored: Trees
) -> None:
    server.will(answer)

    result = way(make_chain(model))

    assert result == "Li"
    assert stored.tree == [
        "RunnableSequence CHAIN",
        "  ChatPromptTemplate CHAIN",
        "  chat gpt-4o-mini CHAT_MODEL",
        "  StrOutputParser PARSER",
        "  cut CHAIN",
        "    shorten UNKNOWN",
    ]
    root = stored.named("RunnableSequence")
    assert (root.inputs, root.outputs) == ({"country": "Peru"}, "Li")
    assert (stored.named("cut").inputs, stored.named("cut").outputs) == ("Lima.", "Li")
    assert {span.status for span in stored.spans} == {"UNSET"}
    assert len(server.asked) == 1


@pytest.mark.parametrize("way", WAYS[:-1])  # a thread has no current span
def test_a_chain_is_below_the_block_that_runs_it(
    way: Callable[[Any], Any], model: Any, server: Server, stored: Trees
) -> None:
    server.will(answer)

    with tracer.start_span("request"):
        way(make_chain(model))

    assert stored.tree[:2] == ["request UNKNOWN", "  RunnableSequence CHAIN"]


def test_branches_side_by_side_hang_below_their_step(model: Any, server: Server, stored: Trees) -> None:
    server.will(reply(chat()))
    both = RunnableParallel(
        one=RunnableLambda(lambda _: shorten("first")), two=RunnableLambda(lambda _: shorten("second"))
    )

    both.invoke(1)
    asyncio.run(both.ainvoke(1))

    trees = [sorted(span.name for span in trace.data.spans) for trace in tracer.search_traces()]
    assert len(trees) == 2
    for trace in tracer.search_traces():
        spans = {span.span_id: span for span in trace.data.spans}
        steps = [span for span in trace.data.spans if span.name == "shorten"]
        assert sorted(spans[step.parent_id].name for step in steps) == ["RunnableLambda", "RunnableLambda"]
        assert len({step.parent_id for step in steps}) == 2


def test_each_input_of_a_batch_is_a_trace(model: Any, server: Server, stored: Trees) -> None:
    server.will(reply(chat()))

    make_chain(model).batch([{"country": "Peru"}, {"country": "Chile"}, {"country": "Cuba"}])

    traces = tracer.search_traces()
    assert sorted(trace.data.spans[0].inputs["country"] for trace in traces) == ["Chile", "Cuba", "Peru"]
    assert {len(trace.data.spans) for trace in traces} == {6}


def test_a_chain_inside_a_step_of_ones_own_is_below_that_step(model: Any, server: Server, stored: Trees) -> None:
    server.will(reply(chat()))

    def outer(country: str) -> Any:
        with tracer.start_span("prepare"):
            return make_chain(model).invoke({"country": country})

    RunnableLambda(outer).invoke("Peru")

    assert stored.tree[:5] == [
        "outer CHAIN",
        "  prepare UNKNOWN",
        "    RunnableSequence CHAIN",
        "      ChatPromptTemplate CHAIN",
        "      chat gpt-4o-mini CHAT_MODEL",
    ]


def test_a_config_that_is_handed_to_another_thread_keeps_the_parent(stored: Trees) -> None:
    inner = RunnableLambda(lambda text: shorten(text), name="inner")

    def outer(text: str, config: Any) -> str:
        thread = threading.Thread(target=lambda: inner.invoke(text, config))
        thread.start()
        thread.join()
        return text

    RunnableLambda(outer).invoke("Lima")

    assert stored.tree == ["outer CHAIN", "  inner CHAIN", "    shorten UNKNOWN"]


def test_name_tags_metadata_session_and_user_are_those_of_the_config(stored: Trees) -> None:
    config = {
        "run_name": "ask",
        "tags": ["prod"],
        "metadata": {"team": "search", "session_id": "chat-7", "user_id": "u-1"},
    }

    RunnableLambda(lambda text: text).invoke("hello", config)

    info = stored.trace.info
    assert stored.tree == ["ask CHAIN"]
    assert (info.session_id, info.user) == ("chat-7", "u-1")
    assert info.tags["prod"] == "true"
    assert info.trace_metadata["team"] == "search"


def test_what_is_configurable_names_the_session(stored: Trees) -> None:
    RunnableLambda(lambda text: text).invoke("hello", {"configurable": {"session_id": "chat-8"}})

    assert stored.trace.info.session_id == "chat-8"


def test_an_exception_is_on_every_step_that_it_came_through(stored: Trees) -> None:
    def fail(text: str) -> str:
        raise LookupError("no such country")

    chain = RunnablePassthrough() | RunnableLambda(fail)
    with pytest.raises(LookupError):
        chain.invoke("Peru")

    assert {span.name: span.status for span in stored.spans} == {
        "RunnableSequence": "ERROR", "RunnablePassthrough": "UNSET", "fail": "ERROR",
    }  # fmt: skip
    assert stored.named("fail").attributes["error.type"] == "LookupError"
    assert stored.trace.info.state == "ERROR"


def test_each_attempt_of_a_retry_is_a_step(stored: Trees) -> None:
    tries: list[int] = []

    def shaky(text: str) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("busy")
        return text

    RunnableLambda(shaky).with_retry(wait_exponential_jitter=False).invoke("Peru")

    retried, *attempts = stored.trace.data.spans
    assert (retried.status, [span.status for span in attempts]) == ("UNSET", ["ERROR", "ERROR", "UNSET"])
    assert {span.parent_id for span in attempts} == {retried.span_id}


def test_a_fallback_is_a_step_beside_the_one_that_failed(stored: Trees) -> None:
    def first(text: str) -> str:
        raise ConnectionError("busy")

    result = RunnableLambda(first).with_fallbacks([RunnableLambda(lambda text: AIMessage(text), name="second")])

    assert result.invoke("Lima").content == "Lima"
    assert stored.tree == ["RunnableWithFallbacks CHAIN", "  first CHAIN", "  second CHAIN"]
    assert (stored.named("first").status, stored.named("second").status) == ("ERROR", "UNSET")


def test_hidden_steps_are_left_out_and_those_below_them_are_not(stored: Trees) -> None:
    inner = RunnableLambda(lambda text: text, name="inner")
    hidden = RunnableLambda(lambda text: inner.invoke(text)).with_config(tags=["langsmith:hidden"])
    outer = RunnableLambda(lambda text: hidden.invoke(text), name="outer")

    outer.invoke("Lima")

    # LangChain hands tags down: what is below a hidden step is hidden too
    assert stored.tree == ["outer CHAIN"]


def test_a_group_of_chains_is_one_tree(stored: Trees) -> None:
    from langchain_core.callbacks.manager import trace_as_chain_group

    with trace_as_chain_group("both", inputs={"n": 2}) as manager:
        RunnableLambda(lambda text: text, name="one").invoke("a", {"callbacks": manager})
        RunnableLambda(lambda text: text, name="two").invoke("b", {"callbacks": manager})

    assert stored.tree == ["both CHAIN", "  one CHAIN", "  two CHAIN"]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_chain_of_the_old_kind_has_what_it_does(is_async: bool, stored: Trees) -> None:
    base = pytest.importorskip("langchain_classic.chains.base")

    class Cut(base.Chain):  # type: ignore[misc, name-defined]
        input_keys = property(lambda self: ["text"])  # type: ignore[assignment]
        output_keys = property(lambda self: ["text"])  # type: ignore[assignment]

        def _call(self, inputs: Any, run_manager: Any = None) -> Any:
            return {"text": shorten(inputs["text"])}

        async def _acall(self, inputs: Any, run_manager: Any = None) -> Any:
            return {"text": shorten(inputs["text"])}

    asyncio.run(Cut().ainvoke({"text": "Lima"})) if is_async else Cut().invoke({"text": "Lima"})

    assert stored.tree == ["Cut CHAIN", "  shorten UNKNOWN"]

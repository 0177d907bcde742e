"""Together with OpenTelemetry: other instrumentations of LangChain, and spans of others between its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("openinference.instrumentation.langchain", reason="tests/run.py makes an environment with it")

from langchain_core.runnables import RunnableLambda
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import TracerProvider

import tracer
from tests.langchain.conftest import Trees, make_model
from tests.openai.replies import QUESTION, chat, lima
from tests.openai.server import Asked, Scripted, Server, reply, sse

PROVIDER = TracerProvider(shutdown_on_exit=False)
TREE = ["RunnableSequence CHAIN", "  chat gpt-4o-mini CHAT_MODEL", "  text CHAIN", "    look_up UNKNOWN"]


def answer(asked: Asked) -> Scripted:
    return sse(*lima()) if asked.json.get("stream") else reply(chat())


@tracer.trace
def look_up(text: str) -> str:
    return text


@pytest.fixture(params=["ours first", "theirs first"])
def both(request: pytest.FixtureRequest) -> Iterator[None]:
    """OpenInference's instrumentation and the bridge, switched on before tracer's provider, or after it."""
    instrumentor = LangChainInstrumentor()
    if request.param == "theirs first":
        tracer.langchain.autolog(disable=True)
    instrumentor.instrument(tracer_provider=PROVIDER)
    tracer.otel.autolog(PROVIDER)
    tracer.langchain.autolog()
    yield
    tracer.otel.autolog(disable=True)
    instrumentor.uninstrument()


def invoke(chain: Any) -> Any:
    return chain.invoke(QUESTION)


def stream(chain: Any) -> Any:
    return list(chain.stream(QUESTION))


def ainvoke(chain: Any) -> Any:
    return asyncio.run(chain.ainvoke(QUESTION))


@pytest.mark.parametrize("has_provider", [True, False])
@pytest.mark.parametrize("way", [invoke, stream, ainvoke])
def test_what_another_instrumentation_of_langchain_sees_is_there_once(
    way: Callable[[Any], Any], has_provider: bool, both: None, server: Server, stored: Trees
) -> None:
    server.will(answer)
    if not has_provider:
        tracer.openai.autolog(disable=True)

    way(make_model(server, stream_usage=True) | RunnableLambda(lambda m: look_up(m.content), name="text"))

    assert stored.tree == TREE
    assert stored.trace.info.token_usage["input_tokens"] == 14


def test_without_tracers_provider_the_other_is_recorded(both: None, server: Server, stored: Trees) -> None:
    server.will(answer)
    tracer.langchain.autolog(disable=True)

    RunnableLambda(lambda text: text, name="text").invoke("Lima")

    assert [span.name for span in stored.spans] == ["text"]


def test_spans_of_others_and_steps_of_langchain_are_one_tree(both: None, stored: Trees) -> None:
    theirs = PROVIDER.get_tracer("theirs")

    def step(text: str) -> str:
        with theirs.start_as_current_span("query"):
            return str(RunnableLambda(look_up, name="inner").invoke(text))

    with theirs.start_as_current_span("request"):
        RunnableLambda(step).invoke("Lima")
    assert not otel_trace.get_current_span().get_span_context().is_valid

    assert stored.tree == [
        "request UNKNOWN", "  step CHAIN", "    query UNKNOWN", "      inner CHAIN", "        look_up UNKNOWN",
    ]  # fmt: skip

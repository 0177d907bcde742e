"""Tools and retrievers that a program calls itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="tests/run.py makes an environment with it")

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import ToolException, tool

import tracer
from tests.langchain.conftest import Trees


@tracer.trace
def look_up(city: str) -> str:
    return f"{city}: 24 °C"


@tool
def weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return look_up(city)


@tool
async def slow_weather(city: str) -> str:
    """The weather of a city."""
    await asyncio.sleep(0)
    return look_up(city)


class Shelf(BaseRetriever):
    """Finds a document of the program's own."""

    fails: bool = False

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        text = look_up(query)
        if self.fails:
            raise LookupError("nothing there")
        return [Document(text, metadata={"source": "shelf"})]


class AsyncShelf(Shelf):
    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        await asyncio.sleep(60 if query == "for ever" else 0)
        return self._get_relevant_documents(query, run_manager=run_manager)


def test_a_tool_has_its_arguments_its_result_and_what_it_does() -> None:
    stored = Trees()

    weather.invoke({"city": "Lima", "days": 2})

    assert stored.tree == ["weather TOOL", "  look_up UNKNOWN"]
    span = stored.named("weather")
    assert (span.inputs, span.outputs) == ({"city": "Lima", "days": 2}, "Lima: 24 °C")
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert span.attributes["gen_ai.tool.name"] == "weather"


def test_an_asynchronous_tool_has_what_it_does(stored: Trees) -> None:
    asyncio.run(slow_weather.ainvoke({"city": "Lima"}))

    assert stored.tree == ["slow_weather TOOL", "  look_up UNKNOWN"]


def test_the_result_for_a_call_of_a_model_is_its_content(stored: Trees) -> None:
    call = {"name": "weather", "args": {"city": "Lima"}, "id": "call_1", "type": "tool_call"}

    assert isinstance(weather.invoke(call), ToolMessage)

    assert stored.named("weather").outputs == "Lima: 24 °C"
    assert stored.named("weather").attributes["gen_ai.tool.call.id"] == "call_1"


def test_an_error_that_langchain_tells_the_model_of_is_an_error_of_the_tool(stored: Trees) -> None:
    @tool
    def broken(city: str) -> str:
        """The weather of a city."""
        raise ToolException("no such city")

    broken.handle_tool_error = True
    broken.invoke({"name": "broken", "args": {"city": "Atlantis"}, "id": "call_1", "type": "tool_call"})

    assert (stored.span.status, stored.span.outputs) == ("ERROR", "no such city")


@pytest.mark.parametrize("kind", [Shelf, AsyncShelf])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_retriever_has_its_documents_and_what_it_does(kind: type[Shelf], is_async: bool, stored: Trees) -> None:
    asyncio.run(kind().ainvoke("Lima")) if is_async else kind().invoke("Lima")

    assert stored.tree == [f"{kind.__name__} RETRIEVER", "  look_up UNKNOWN"]
    span = stored.named(kind.__name__)
    assert span.inputs == {"query": "Lima"}
    [document] = span.outputs
    assert (document["page_content"], document["metadata"]) == ("Lima: 24 °C", {"source": "shelf"})
    assert tracer.get_current_active_span() is None


def test_a_retriever_that_fails_is_an_error(stored: Trees) -> None:
    with pytest.raises(LookupError):
        Shelf(fails=True).invoke("Lima")

    assert stored.named("Shelf").status == "ERROR"
    assert stored.named("look_up").parent_id == stored.named("Shelf").span_id


def test_a_retriever_that_is_cancelled_is_no_error(stored: Trees) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(AsyncShelf().ainvoke("for ever"), 0.05)

    asyncio.run(main())

    assert (stored.span.status, stored.span.attributes["tracer.incomplete"]) == ("UNSET", "cancelled")


def test_a_retriever_in_a_chain_is_a_step_of_it(stored: Trees) -> None:
    (Shelf() | RunnableLambda(len, name="count")).invoke("Lima")

    assert stored.tree == [
        "RunnableSequence CHAIN", "  Shelf RETRIEVER", "    look_up UNKNOWN", "  count CHAIN",
    ]  # fmt: skip

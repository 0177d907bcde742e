"""LangChain and LangGraph with tracer's own provider for them."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.tools import tool  # type: ignore[import-not-found, unused-ignore]
from langchain_openai import ChatOpenAI  # type: ignore[import-not-found, unused-ignore]

from tests.frameworks.models import MODEL, QUESTION

try:
    from langchain.agents import create_agent  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from langgraph.prebuilt import create_react_agent as create_agent  # type: ignore[import-not-found, unused-ignore]

HAS_OWN_SPANS = False
ASKED = {"messages": [("user", QUESTION)]}


def model() -> Any:
    return ChatOpenAI(model=MODEL, max_retries=0, stream_usage=True)


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def plain_program() -> None:
    create_agent(model(), []).invoke(ASKED)


def tools_program() -> None:
    create_agent(model(), [get_weather]).invoke(ASKED)


def nested_program() -> None:
    inner = create_agent(model(), [], name="inner")

    @tool("get_weather")
    def ask_inner(city: str) -> str:
        """The weather of a city."""
        answer = inner.invoke({"messages": [("user", f"{QUESTION} ({city}) 21?")]})
        return str(answer["messages"][-1].content)

    create_agent(model(), [ask_inner], name="outer").invoke(ASKED)


def streamed_program() -> None:
    for _ in create_agent(model(), []).stream(ASKED, stream_mode="messages"):
        pass


def async_program() -> None:
    asyncio.run(create_agent(model(), []).ainvoke(ASKED))


def error_program() -> None:
    create_agent(model(), []).invoke(ASKED)

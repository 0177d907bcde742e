"""Programs of the real LangChain and LangGraph against a local server, and the trees that were stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tracer
from tests import trees
from tests.garbage import collect_garbage
from tests.openai.server import Server


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.langchain.autolog()
    tracer.openai.autolog()
    yield
    tracer.openai.autolog(disable=True)
    tracer.langchain.autolog(disable=True)
    collect_garbage()
    from tracer._langchain.runs import _hidden, steps  # type: ignore[import-not-found, unused-ignore]

    assert (steps._open, _hidden) == ({}, {})  # in no case is a step left open
    assert tracer.get_current_active_span() is None


@pytest.fixture
def model(server: Server) -> Any:
    """A chat model of OpenAI's, whose calls pass the door of `tracer.openai`."""
    return make_model(server)


def make_model(server: Server, **settings: Any) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model="gpt-4o-mini", base_url=f"{server.url}/v1", api_key="k", max_retries=0, default_headers=CLOSE, **settings
    )


# connections of one event loop are of no use in the next
CLOSE = {"connection": "close"}


class Trees(trees.Trees):
    """The stored spans, as trees."""

    @property
    def trace(self) -> Any:
        return super().trace()

    @property
    def tree(self) -> list[str]:
        return trees.lines(self.trace.data.spans, without=None)

    @property
    def steps(self) -> list[str]:
        """The tree without the chains, of which versions of LangChain have more or fewer."""
        return trees.lines(self.trace.data.spans, without=lambda span: span.span_type == "CHAIN")


@pytest.fixture
def stored() -> Trees:
    return Trees()

"""Programs of the real LangChain and LangGraph against a local server, and the trees that were stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tracer
from tests.garbage import collect_garbage
from tests.openai.server import Server
from tests.stored import Stored


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


class Trees(Stored):
    """The stored spans, as trees."""

    @property
    def trace(self) -> Any:
        """The only trace there is."""
        traces = tracer.search_traces(max_results=100)
        assert len(traces) == 1, [trace.info.trace_id for trace in traces]
        return tracer.get_trace(traces[0].info.trace_id)

    def named(self, name: str) -> Any:
        """The only span of a name."""
        [span] = [span for span in self.spans if span.name == name]
        return span

    @property
    def calls(self) -> list[Any]:
        """The spans of calls to a model."""
        return [span for span in self.spans if span.span_type in ("LLM", "CHAT_MODEL")]

    @property
    def tree(self) -> list[str]:
        """The only trace, a line a span, children indented below their parents in the order of their start."""
        return lines(self.trace.data.spans)

    @property
    def steps(self) -> list[str]:
        """The tree without the chains, of which versions of LangChain have more or fewer."""
        return lines(self.trace.data.spans, without="CHAIN")


def lines(spans: list[Any], without: str | None = None) -> list[str]:
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: (span.start_time_ns, span.name)):
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)

    def below(parent: str | None, depth: int) -> Iterator[str]:
        for span in children.get(parent, []):
            is_shown = span.span_type != without
            if is_shown:
                yield "  " * depth + f"{span.name} {span.span_type}"
            yield from below(span.span_id, depth + is_shown)

    return list(below(None, 0))


@pytest.fixture
def stored() -> Trees:
    return Trees()

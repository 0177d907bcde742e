"""LiteLLM against a local server, and the trees that were stored."""

from __future__ import annotations

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its table of prices comes with it

from collections.abc import Iterator
from typing import Any

import pytest

import tracer
from tests.garbage import collect_garbage
from tests.openai.server import Server
from tests.stored import Stored


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """LiteLLM warns of much that is its own."""
    for item in items:
        if "/tests/litellm/" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.litellm.autolog()
    yield
    tracer.litellm.autolog(disable=True)
    collect_garbage()
    assert tracer.get_current_active_span() is None


@pytest.fixture
def openai_like(server: Server) -> dict[str, Any]:
    """Arguments that lead a call of an OpenAI model to the local server."""
    return {"api_base": f"{server.url}/v1", "api_key": "k", "max_retries": 0}


class Calls(Stored):
    """The stored spans, in order."""

    def tree(self) -> list[str]:
        """All traces, a line a span, children indented below their parents in the order of their start."""
        spans = sorted(self.spans, key=lambda span: span.start_time_ns)
        children: dict[str | None, list[Any]] = {}
        known = {span.span_id for span in spans}
        for span in spans:
            children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)

        def below(parent: str | None, depth: int) -> Iterator[str]:
            for span in children.get(parent, []):
                yield "  " * depth + f"{span.name} {span.span_type} {span.status}"
                yield from below(span.span_id, depth + 1)

        return list(below(None, 0))


@pytest.fixture
def stored() -> Calls:
    return Calls()

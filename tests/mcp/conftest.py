"""Requests of the real SDK, and the trees that were stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tracer
from tests.garbage import collect_garbage
from tests.stored import Stored


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Old versions of the SDK warn of their own settings."""
    for item in items:
        if "/tests/mcp/" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore:Field 'lifespan' has an incomplete definition"))


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.mcp.autolog()
    yield
    tracer.mcp.autolog(disable=True)
    collect_garbage()
    from tracer._mcp.exchange import waiting  # type: ignore[import-not-found, unused-ignore]

    assert waiting == {}  # in no case is a request left open
    assert tracer.get_current_active_span() is None


class Trees(Stored):
    """The stored spans, as trees."""

    def tree(self) -> list[str]:
        """All traces, a line a span, children indented below their parents in the order of their start."""
        spans = sorted(self.spans, key=lambda span: span.start_time_ns)
        known = {span.span_id for span in spans}
        children: dict[str | None, list[Any]] = {}
        for span in spans:
            children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)

        def below(parent: str | None, depth: int) -> Iterator[str]:
            for span in children.get(parent, []):
                yield "  " * depth + f"{span.name} {span.span_type}"
                yield from below(span.span_id, depth + 1)

        return list(below(None, 0))

    def named(self, name: str) -> list[Any]:
        """The spans of a name, the one that asks first."""
        return sorted((span for span in self.spans if span.name == name), key=lambda span: span.start_time_ns)


@pytest.fixture
def stored() -> Trees:
    return Trees()

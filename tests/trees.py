"""The stored spans as trees: for frameworks, whose steps hang below each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import tracer
from tests.stored import Stored


class Trees(Stored):
    """The stored spans, as trees."""

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

    def tree(self, *, turns: bool = False) -> list[str]:
        """The only trace, a line a span, children indented below their parents in the order of their start."""
        return lines(self.trace().data.spans, without=None if turns else is_turn)


def is_turn(span: Any) -> bool:
    return span.span_type == "TASK" and span.name.startswith("turn ")


def lines(spans: list[Any], *, without: Callable[[Any], bool] | None = is_turn) -> list[str]:
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: (span.start_time_ns, span.name)):
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)

    def below(parent: str | None, depth: int) -> Iterator[str]:
        for span in children.get(parent, []):
            is_hidden = without is not None and without(span)
            if not is_hidden:
                yield "  " * depth + f"{span.name} {span.span_type}"
            yield from below(span.span_id, depth + (not is_hidden))

    return list(below(None, 0))


def messages_of(span: Any, key: str) -> Any:
    return json.loads(span.attributes[key])

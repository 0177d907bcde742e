"""The traces of a test as one tree, for asserts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tracer._json import JsonObject, encode, loads
from tracer._replay.matching import Matching
from tracer._replay.sources import all_with
from tracer._replay.span_tree import Below, steps_below
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._api.traces import Span, Trace

_CALLS = (SpanType.CHAT_MODEL, SpanType.LLM, SpanType.EMBEDDING)


class TraceOfTest:
    """The traces that a test has made until now, read anew each time."""

    def __init__(self, since_ms: int) -> None:
        self._since_ms = since_ms
        self._earlier: frozenset[str] = frozenset()
        self._earlier = frozenset(trace.info.trace_id for trace in self.traces)

    @property
    def traces(self) -> list[Trace]:
        """The traces, oldest first."""
        found = all_with(f"timestamp_ms >= {self._since_ms}", order_by=["timestamp_ms ASC"])
        return [trace for trace in found if trace.info.trace_id not in self._earlier]

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they began."""
        return sorted((span for trace in self.traces for span in trace.data.spans), key=lambda span: span.start_time_ns)

    @property
    def calls(self) -> list[Span]:
        """The calls of models."""
        return [span for span in self.spans if span.span_type in _CALLS]

    @property
    def tools_called(self) -> list[str]:
        """Names of the tools that ran, in their order; of those that models asked for, where no step is a tool."""
        spans = self.spans
        ran = [span.name for span in spans if span.span_type == SpanType.TOOL]
        return ran or [name for span in spans if span.span_type in _CALLS for name in _asked_for(span)]

    @property
    def tokens(self) -> int:
        """Tokens of all calls, in and out."""
        return sum((trace.info.token_usage or {}).get("total_tokens", 0) for trace in self.traces)

    @property
    def cost(self) -> float | None:
        """USD of all calls; None if no price is known."""
        costs = [trace.info.cost for trace in self.traces if trace.info.cost]
        return sum(cost.get("total_cost", 0.0) for cost in costs) if costs else None

    @property
    def errors(self) -> list[Span]:
        """The steps that failed."""
        return [span for span in self.spans if span.status == "ERROR"]

    def find(self, *, type: str | None = None, name: str | None = None) -> Span:
        """The first step of this type and name. Raises LookupError, with the tree, if there is none."""
        for span in self.spans:
            if type in (None, span.span_type) and name in (None, span.name):
                return span
        raise LookupError(f"no step with type={type!r}, name={name!r}; there are:\n{self.tree() or 'none'}")

    def snapshot(self) -> list[JsonObject]:
        """The tree as plain values without ids, dates and times: name, type, inputs, outputs, error, steps."""
        return [_normalised(span, below) for trace in self.traces for span, below in _nested(trace.data.spans)]

    def tree(self) -> str:
        """The tree as text, a step a line."""
        return "\n".join(
            line
            for trace in self.traces
            for span, below in _nested(trace.data.spans)
            for line in _drawn(span, below, 0)
        )


def _nested(spans: Iterable[Span]) -> Iterator[tuple[Span, Below]]:
    """The topmost steps, each with all steps by the id of the one above."""
    below = steps_below(spans)
    for span in below.get(None, ()):
        yield span, below


def _drawn(span: Span, below: Below, depth: int) -> Iterator[str]:
    duration = "" if span.duration_ms is None else f", {span.duration_ms:.0f} ms"
    failed = f", {span.status}" if span.status == "ERROR" else ""
    yield f"{'  ' * depth}{span.name} ({span.span_type}{duration}{failed})"
    for inner in below.get(span.span_id, ()):
        yield from _drawn(inner, below, depth + 1)


def _normalised(span: Span, below: Below) -> JsonObject:
    found: JsonObject = {
        "name": span.name,
        "type": span.span_type,
        "inputs": _plain(span.inputs),
        "outputs": _plain(span.outputs),
        "steps": [_normalised(inner, below) for inner in below.get(span.span_id, ())],
    }
    if span.status == "ERROR":
        found["error"] = True
    return found


def _plain(value: object) -> object:
    return Matching().comparable(loads(encode(value)))


def _asked_for(span: Span) -> Iterator[str]:
    """Names of the tools that a model's reply calls, in whichever API's shape."""
    messages = span.attributes.get("gen_ai.output.messages")
    for message in loads(messages) if isinstance(messages, str) else ():
        for part in message.get("parts", ()):
            if part.get("type") == "tool_call":
                yield str(part.get("name"))

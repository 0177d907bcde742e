"""The steps of a trace as a tree: parents before children, siblings in the order they started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer import semconv
from tracer._json import JsonMapping
from tracer._records.usage import token_usage

LEVELS_KEPT = 12  # more guides are not readable, and all guides of a chain of thousands of steps would take gigabytes


@dataclass(frozen=True)
class Step:
    """One span and its place in the tree: ``branches`` has, for the nearest levels, whether more siblings follow."""

    record: JsonMapping
    branches: tuple[bool, ...] = ()
    depth: int = 0

    @property
    def span_id(self) -> str:
        return str(self.record["span_id"])

    @property
    def name(self) -> str:
        return str(self.record.get("name") or "(no name)")

    @property
    def type(self) -> str:
        kind = str(self.record.get("type") or semconv.SpanType.UNKNOWN)
        return "" if kind == semconv.SpanType.UNKNOWN else kind

    @property
    def start(self) -> int:
        return int(self.record.get("start") or 0)

    @property
    def end(self) -> int | None:
        """End in ns since the epoch; None if it has not ended."""
        return self.record.get("end")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended and its process is alive."""
        return self.end is None and not self.record.get("gone")

    @property
    def is_interrupted(self) -> bool:
        """Whether its process ended before it did."""
        return self.end is None and bool(self.record.get("gone"))

    @property
    def failed(self) -> bool:
        return self.record.get("status") == "ERROR"

    @property
    def cost(self) -> float | None:
        """Cost in USD; None without a known price."""
        return (self.record.get("cost") or {}).get("total_cost")

    @property
    def model(self) -> str | None:
        """The model of the response, else of the request."""
        model = self.attribute(semconv.RESPONSE_MODEL) or self.attribute(semconv.REQUEST_MODEL)
        return str(model) if model else None

    @property
    def label(self) -> str:
        """The name, and the model unless the name contains it."""
        asked = self.attribute(semconv.REQUEST_MODEL) or self.model
        return self.name if not asked or str(asked) in self.name else f"{self.name} · {asked}"

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        """Input and output tokens."""
        return self.usage.get("input_tokens"), self.usage.get("output_tokens")

    @property
    def usage(self) -> Mapping[str, int]:
        """Counts of tokens by their names in semconv.TOKEN_USAGE; what is no count is left out."""
        return token_usage(self.record.get("attributes") or {}) or {}

    @property
    def error(self) -> str | None:
        """The error in one line."""
        if not self.failed:
            return None
        exceptions = [event for event in self.record.get("events") or () if event.get("name") == "exception"]
        attributes = exceptions[-1].get("attributes") or {} if exceptions else {}
        kind = str(attributes.get("exception.type") or self.attribute(semconv.ERROR_TYPE) or "").rpartition(".")[2]
        message = str(attributes.get("exception.message") or self.record.get("message") or "")
        if kind and not message.startswith(kind):
            return f"{kind}: {message}" if message else kind
        return message or "failed"

    def attribute(self, key: str) -> Any:
        """Value of an attribute; structured ones decoded."""
        structured = self.record.get("json") or {}
        return structured[key] if key in structured else (self.record.get("attributes") or {}).get(key)


def steps_of(spans: Sequence[JsonMapping]) -> list[Step]:
    """The spans in the order of the tree. Spans without their parent here are roots; none is left out."""
    known = {span["span_id"] for span in spans}
    children: dict[str | None, list[JsonMapping]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.get("start") or 0):
        parent = span.get("parent_id")
        children[parent if parent in known and parent != span["span_id"] else None].append(span)
    steps = list(_walk(children[None], children))
    seen = {step.span_id for step in steps}
    # cycles of parents, from foreign producers only
    steps += [Step(span) for span in spans if span["span_id"] not in seen]
    return steps


def _walk(roots: list[JsonMapping], children: Mapping[str | None, list[JsonMapping]]) -> list[Step]:
    found: list[Step] = []
    # a stack, not recursion: traces may have chains of thousands of steps
    waiting = [Step(root) for root in reversed(roots)]
    while waiting:
        step = waiting.pop()
        found.append(step)
        below = children.get(step.span_id, [])
        for position in range(len(below) - 1, -1, -1):
            branches = (*step.branches, position < len(below) - 1)[-LEVELS_KEPT:]
            waiting.append(Step(below[position], branches, step.depth + 1))
    return found
